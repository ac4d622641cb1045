import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { cgroupLimits } from './cgroup.js'
import { outputOf } from './command.js'
import type { HardwareProfile } from './profile.js'

const relevant =
  /^(sse4_2|f16c|fma|avx|avx2|avx_vnni|avx512(f|bw|vl|_vnni|_bf16|_fp16)|amx_(tile|int8|bf16)|asimd|asimddp|asimdhp|bf16|i8mm|sve|sve2)$/

/** The flags of the first processor in Linux's /proc/cpuinfo: `flags` on x86, `Features` on Arm. */
export const featuresOf = (cpuinfo: string): string[] =>
  (/^(?:flags|Features)\s*:\s*(.*)$/m.exec(cpuinfo)?.[1] ?? '').split(/\s+/).filter((flag) => relevant.test(flag))

/** The name of the processor; Arm's has numbers for it, which say little. */
export async function processor(signal?: AbortSignal): Promise<HardwareProfile['processor']> {
  const all = cpus()
  const info = process.platform === 'linux' ? await readFile('/proc/cpuinfo', 'utf8').catch(() => '') : ''
  const features = process.platform === 'darwin' ? await darwinFeatures(signal) : featuresOf(info)
  const { processors } = await cgroupLimits()
  return {
    model: all[0]?.model.trim() || `unknown (${process.arch})`,
    logical: Math.max(1, all.length),
    allowed: availableParallelism(),
    ...(processors === undefined ? {} : { quota: processors }),
    features,
  }
}

async function darwinFeatures(signal?: AbortSignal): Promise<string[]> {
  const names = await outputOf('sysctl', ['-n', 'machdep.cpu.features', 'machdep.cpu.leaf7_features'], signal)
  if (names !== undefined)
    return names
      .toLowerCase()
      .replaceAll('.', '_')
      .split(/\s+/)
      .filter((name) => relevant.test(name))
  return process.arch === 'arm64' ? ['asimd'] : []
}
