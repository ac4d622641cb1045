import { type Finding, finding, fine } from './finding.js'
import type { HardwareProfile } from './profile.js'
import { gigabytes, least, recommended } from './sizes.js'

const tried: Readonly<Record<string, string>> = {
  darwin: 'macOS',
  win32: 'Windows',
}

export function checkSystem({ system, engine }: HardwareProfile): Finding {
  const { platform, architecture, release, libc } = system
  const found = [`${platform} ${architecture}`, release, ...(libc ? [libc] : [])].join(', ')
  const name = tried[platform]
  if (platform === 'linux' && libc === 'not glibc' && engine.state !== 'works')
    return finding(
      'system',
      'advice',
      found,
      'The prebuilt native parts need glibc; Alpine and others with musl build them from source.',
      {
        label: 'Use an image with glibc, such as node:20-bookworm, or build in a clone of the repository.',
      },
    )
  if (platform === 'linux' && (architecture === 'x64' || architecture === 'arm64')) return fine('system', found)
  return finding(
    'system',
    'advice',
    found,
    `The code is portable, but it was never run on ${name ?? platform}${name ? '' : ` ${architecture}`}: it is built and tested on Linux, x64 and arm64.`,
    { label: 'If something fails, report it with the file of qt doctor --report report.json.' },
  )
}

export function checkProcessor({ processor, system }: HardwareProfile): Finding {
  const { model, logical, allowed, quota, features } = processor
  const usable = Math.max(1, Math.min(allowed, Math.ceil(quota ?? allowed)))
  const limits = [
    ...(allowed < logical ? [`affinity allows ${allowed}`] : []),
    ...(quota !== undefined ? [`the cgroup allows ${quota}`] : []),
  ]
  const found = [
    `${model}; ${logical} logical processors${limits.length > 0 ? ` (${limits.join(', ')})` : ''}`,
    ...(features.length > 0 ? [features.join(' ')] : []),
  ].join('; ')
  if (system.architecture === 'x64' && features.length > 0 && !features.includes('avx2'))
    return finding(
      'processor',
      'advice',
      found,
      'Without AVX2 the engine takes its baseline kernels: everything runs, several times slower.',
      {
        label: 'Train on a newer machine; any processor since about 2015 has AVX2.',
      },
    )
  if (usable < Math.min(4, logical) || usable < 2)
    return finding(
      'processor',
      'advice',
      found,
      `Only ${usable} of ${logical} can be used, and training time is inverse to that number.`,
      {
        label: 'Give the container or job more processors (docker run --cpus, affinity).',
      },
    )
  return fine('processor', found)
}

export function checkMemory({ memory }: HardwareProfile): Finding {
  const { total, free, limit } = memory
  const usable = Math.min(total, limit ?? total)
  const found = `${gigabytes(total)}${limit === undefined ? '' : `, of which the cgroup allows ${gigabytes(limit)}`}; ${gigabytes(free)} available`
  const plan = { label: 'See the exact need of a training before it starts.', command: 'qt train --config train.yaml --plan' }
  if (usable < least.memory)
    return finding(
      'memory',
      'missing',
      found,
      `Below ${gigabytes(least.memory)} hardly any training fits.`,
      { label: 'Add memory, or raise the limit of the container.' },
      plan,
    )
  if (usable < recommended.memory)
    return finding(
      'memory',
      'advice',
      found,
      `${gigabytes(recommended.memory)} or more is recommended. With this, adapters on quantised bases of up to about ${billions(usable / 2 / adapter)} parameters and full trainings of up to about ${billions(usable / 2 / fullTraining)} fit.`,
      plan,
    )
  if (free < usable / 4)
    return finding(
      'memory',
      'advice',
      found,
      'Other programs hold most of the memory.',
      { label: 'Close what is not needed.' },
      plan,
    )
  return fine('memory', found)
}

/**
 * Bytes per parameter, roughly, with half of the memory left to everything else: an adapter on a packed 4-bit base keeps the base
 * (0.6), its part of gradients and moments, and activations; a full training keeps weights, gradients and two moments in float32
 * (16), and activations.
 */
const adapter = 1.5
const fullTraining = 20

const billions = (parameters: number): string =>
  parameters >= 1e9 ? `${Math.round(parameters / 1e9)} billion` : `${Math.max(10, Math.round(parameters / 1e7) * 10)} million`

export function checkDisk({ disk }: HardwareProfile): Finding {
  if (!disk)
    return finding('disk', 'advice', 'unknown', 'The free space of this folder could not be found out.', {
      label: 'Run qt doctor in a folder that exists.',
    })
  const found = `${gigabytes(disk.free)} free of ${gigabytes(disk.total)}, for ${disk.path}`
  if (disk.free < least.disk)
    return finding(
      'disk',
      'missing',
      found,
      `A training writes checkpoints and models: below ${gigabytes(least.disk)} even small ones may not finish.`,
      {
        label: 'Free some space, or work on another disk.',
      },
    )
  if (disk.free < recommended.disk)
    return finding(
      'disk',
      'advice',
      found,
      `${gigabytes(recommended.disk)} or more is recommended: bases of several billion parameters take 5 to 20 GB each, with checkpoints and outputs beside them. Small bases (135 million parameters: 0.1 to 0.6 GB) work.`,
      { label: 'Free some space before working with large models.' },
    )
  return fine('disk', found)
}
