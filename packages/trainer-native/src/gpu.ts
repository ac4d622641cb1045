import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { nativePlatform, usageError } from '@qt/core'
import { binding, type GpuLibrary, type GpuPlace } from './binding.js'
import { launchOf } from './parallel/launch.js'

const require = createRequire(import.meta.url)

const packageName = (): string => `@qt/trainer-cuda-${nativePlatform()}`

/** The library for NVIDIA GPUs: one named by QT_CUDA_LIBRARY, the installed package's, or what was built in the repository. */
function cudaLibrary(): string | undefined {
  if (process.env.QT_CUDA_LIBRARY) return process.env.QT_CUDA_LIBRARY
  for (const place of [packageName(), fileURLToPath(new URL('../native/build/cuda/cuda/libqt_cuda.so', import.meta.url))])
    try {
      return require.resolve(place)
    } catch {
      // It is not there.
    }
  return undefined
}

export interface Gpu {
  readonly name: string
  /** Bytes. */
  readonly memory: number
  readonly free: number
  /** `9.0` */
  readonly capability: string
}

/** What can be used of GPUs here: the devices, or in one line why there are none. */
export type GpuReport =
  | { readonly state: 'usable'; readonly devices: readonly Gpu[]; readonly library: string }
  | { readonly state: 'absent'; readonly install: string }
  | { readonly state: 'unusable'; readonly why: string; readonly library: string }

/**
 * The NVIDIA GPUs that the engine can compute on; its library for them is a package of its own.
 *
 * @example
 * ```ts
 * const found = gpus()
 * if (found.state === 'usable') console.log(found.devices.map(({ name }) => name))
 * ```
 */
export function gpus(): GpuReport {
  return reported(true)
}

/**
 * The same, for a process that computes on one of them: of the others the driver takes no memory for it, as it does to say what is free
 * (500 MB on an H100).
 */
function reported(free: boolean): GpuReport {
  const library = cudaLibrary()
  if (library === undefined) return { state: 'absent', install: `npm install ${packageName()}` }
  try {
    const { devices, reason } = binding().gpus(library, free)
    if (devices.length === 0) return { state: 'unusable', why: reason, library }
    return {
      state: 'usable',
      devices: devices.map(({ name, memory, free, capability }) => ({ name, memory, free, capability })),
      library,
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { state: 'unusable', why: process.env.QT_CUDA_LIBRARY ? `${why} (QT_CUDA_LIBRARY names ${library})` : why, library }
  }
}

/**
 * NVIDIA's libraries that the engine uses where it finds them: none where its own for GPUs is not installed, or cannot be opened.
 *
 * @example
 * ```ts
 * for (const { name, version, why } of gpuLibraries()) console.log(version ?? `${name}: ${why}`)
 * ```
 */
export function gpuLibraries(): readonly GpuLibrary[] {
  const library = cudaLibrary()
  try {
    return library === undefined ? [] : binding().gpuLibraries(library)
  } catch {
    return []
  }
}

/**
 * Where a configuration's `device` is: undefined for the processor. Without a number the processes of a job take the machine's GPUs in turn;
 * a launcher that shows each of them only its own is right, too. `devices`: how many there are. `setting` says how people name another device.
 */
export function gpuPlace(
  device: string,
  setting: (other: string) => string = (other) => `Set device: ${other}.`,
): (GpuPlace & { readonly devices: number }) | undefined {
  if (device === 'cpu') return undefined
  const where = { field: 'device' }
  if (!/^cuda(:\d+)?$/.test(device))
    throw usageError('GENERATE_OPTION', `device must be cpu, cuda or cuda:N, not "${device}".`, {
      where,
      actions: ['Leave it out for the processor.'],
    })
  const found = reported(false)
  if (found.state === 'absent')
    throw usageError('GPU_MISSING', 'The part of the engine for GPUs is not installed.', {
      where,
      actions: [{ label: 'Install it', command: found.install }, setting('cpu')],
    })
  if (found.state === 'unusable')
    throw usageError('GPU_MISSING', `No GPU can be used: ${found.why}.`, {
      where,
      actions: [
        ...(process.env.QT_CUDA_LIBRARY ? ['Correct QT_CUDA_LIBRARY, or unset it.'] : []),
        'Look at nvidia-smi: the driver must be 580 or newer, and see the device.',
        setting('cpu'),
      ],
    })
  const named = device.split(':')[1]
  const index = named === undefined ? (launchOf()?.localRank ?? 0) % found.devices.length : Number(named)
  if (index >= found.devices.length)
    throw usageError('GPU_MISSING', `There is no GPU ${index}: this machine has ${found.devices.length}, numbered from 0.`, {
      where,
      actions: [setting('cuda:0')],
    })
  return { library: found.library, index, devices: found.devices.length }
}

/**
 * Refuses a GPU that is not there, before work that needs it only later on. `setting` says how people name another device.
 *
 * @example
 * ```ts
 * requireDevice('cpu', (other) => `Set device: ${other}.`)
 * ```
 */
export function requireDevice(device: string, setting?: (other: string) => string): void {
  gpuPlace(device, setting)
}

/**
 * How many processes of the job compute on a GPU of this machine. Whoever sets CUDA_VISIBLE_DEVICES has decided which GPUs each process
 * has, and they are taken to be its own.
 */
export function processesOn(
  device: string,
  index: number,
  { localSize, devices }: { localSize: number; devices: number },
  visible = process.env.CUDA_VISIBLE_DEVICES,
): number {
  if (visible !== undefined) return 1
  if (device.includes(':')) return localSize
  // In turn: process r takes r modulo devices.
  return Math.max(1, Math.ceil((localSize - index) / devices))
}
