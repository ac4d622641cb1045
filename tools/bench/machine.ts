import { readFile } from 'node:fs/promises'
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os'

const interesting = [
  'avx2',
  'fma',
  'f16c',
  'avx512f',
  'avx512_vnni',
  'avx512_bf16',
  'amx_bf16',
  'amx_int8',
  'asimd',
  'bf16',
  'i8mm',
  'sve',
]

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly flags: readonly string[]
  readonly memoryGiB: number
  readonly system: string
  readonly node: string
}

export async function machine(): Promise<Machine> {
  const info = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const flags = new Set(/^(?:flags|Features)\s*:\s*(.*)$/m.exec(info)?.[1]?.split(/\s+/))
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    flags: interesting.filter((flag) => flags.has(flag)),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    node: process.version,
  }
}

export const describeMachine = ({ cpu, cores, flags, memoryGiB, system, node }: Machine): string =>
  `${cpu}, ${cores} cores (${flags.join(' ') || 'no known vector extensions'}), ${memoryGiB} GiB, ${system}, Node ${node}`
