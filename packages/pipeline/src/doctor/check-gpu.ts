import type { ErrorAction } from '@qt/core'
import { type Finding, finding, fine } from './finding.js'
import type { Gpu, GpuPart, HardwareProfile } from './profile.js'
import { gigabytes, recommended } from './sizes.js'

const without = 'Everything also runs on the processor.'

/** Of a GPU that the engine has kernels for. */
const leastCapability = 8

export function checkGpu({ gpus, driver, system, engine }: HardwareProfile): Finding {
  const part = engine.state === 'works' ? engine.gpus : undefined
  const usable = part?.state === 'usable' ? part : undefined
  // In some containers nvidia-smi is not there, and the devices are.
  const cards: readonly Gpu[] = gpus.length > 0 ? gpus : (usable?.devices ?? [])
  if (cards.length === 0 && part?.state === 'unusable')
    return finding('gpu', 'advice', 'none (no nvidia-smi on the path)', `The engine cannot use one: ${part.why}. ${without}`, {
      label:
        'See that the driver (580 or newer) is there, in a container too, and that QT_CUDA_LIBRARY is right where it is set.',
    })
  if (cards.length === 0)
    return finding(
      'gpu',
      'advice',
      system.platform === 'darwin' ? 'none that is asked for: Metal is not used' : 'none (no nvidia-smi on the path)',
      without,
      {
        label: `For bases of several billion parameters an NVIDIA GPU with ${gigabytes(recommended.deviceMemory)} or more is recommended.`,
      },
    )
  const found = [
    ...cards.map(({ name, memory, free }) => `${name}, ${gigabytes(memory)} (${gigabytes(free)} free)`),
    `driver ${driver?.version ?? 'unknown'}${driver?.cuda === undefined ? '' : `, CUDA up to ${driver.cuda}`}`,
    ...(usable ? [`compute capability ${[...new Set(usable.devices.map(({ capability }) => capability))].join(', ')}`] : []),
    ...(usable?.libraries.map(({ name, version }) => version ?? `no ${name}`) ?? []),
  ].join('; ')
  if (part?.state === 'absent')
    return finding('gpu', 'advice', found, `The part of the engine for GPUs is not installed. ${without}`, {
      label: 'Install it, then set device: cuda in a configuration',
      command: part.install,
    })
  if (part?.state === 'unusable')
    return finding('gpu', 'advice', found, `The engine cannot use it: ${part.why}. ${without}`, {
      label: 'Update the driver (580 or newer), and see that this user may open /dev/nvidia*.',
    })
  if (usable?.devices.every(({ capability }) => Number.parseFloat(capability) < leastCapability))
    return finding('gpu', 'advice', found, `The engine has no kernels for a GPU as old as this. ${without}`, {
      label: 'Use one of compute capability 8.0 or newer (Ampere, Ada, Hopper, Blackwell).',
    })
  const most = Math.max(...cards.map(({ memory }) => memory))
  if (most < recommended.deviceMemory)
    return finding(
      'gpu',
      'advice',
      found,
      `${gigabytes(recommended.deviceMemory)} of GPU memory or more is recommended. ${without}`,
      {
        label: 'See what a run takes of it: qt train --plan.',
      },
    )
  const [missing] = usable ? missingLibraries(usable) : []
  return missing ? finding('gpu', 'advice', found, missing.why, missing.action) : fine('gpu', found)
}

/** What each of NVIDIA's libraries would change, where it matters here. */
function missingLibraries({ devices, libraries }: GpuPart & { state: 'usable' }): { why: string; action: ErrorAction }[] {
  return libraries.flatMap(({ name, version, why = 'it is not there' }) => {
    if (version !== undefined) return []
    if (name === 'cuBLASLt')
      return [
        {
          why: `Large products are computed by our own kernels, without cuBLASLt: ${why}.`,
          action: { label: 'Put libcublasLt.so.13 on the library path (docs/gpus.md)', command: 'pip install nvidia-cublas' },
        },
      ]
    if (name === 'NCCL' && devices.length > 1)
      return [
        {
          why: `Several processes exchange gradients through their memory, not from GPU to GPU, without NCCL: ${why}.`,
          action: { label: 'Put libnccl.so.2 on the library path (docs/gpus.md)', command: 'pip install nvidia-nccl-cu13' },
        },
      ]
    return []
  })
}
