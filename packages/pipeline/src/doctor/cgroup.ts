import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface CgroupLimits {
  /** In processors: 1.5 is one and a half. */
  readonly processors?: number
  readonly memory?: number
}

/** Above this a limit is none: version 1 writes "no limit" as a huge number. */
const noLimit = 2 ** 60

/**
 * What the cgroup of this process, or one above it, allows. Reads both versions: `cpu.max` and `memory.max` of version 2,
 * `cpu.cfs_quota_us`, `cpu.cfs_period_us` and `memory.limit_in_bytes` of version 1.
 */
export async function cgroupLimits(root = '/sys/fs/cgroup', self = '/proc/self/cgroup'): Promise<CgroupLimits> {
  const lines = await readFile(self, 'utf8').catch(() => '')
  const folders = (controller: string): string[] => {
    const entries = lines.split('\n').map((line) => line.split(':'))
    const own = entries.find(([, names]) => names?.split(',').includes(controller))?.[2]
    const unified = entries.find(([id, names]) => id === '0' && names === '')?.[2]
    return [
      ...(own === undefined ? [] : upwards(join(root, controller), own)),
      ...(unified === undefined ? [] : upwards(root, unified)),
    ]
  }
  const processors = smallest(await Promise.all(folders('cpu').map(processorsOf)))
  const memory = smallest(await Promise.all(folders('memory').map(memoryOf)))
  return { ...(processors === undefined ? {} : { processors }), ...(memory === undefined ? {} : { memory }) }
}

/** The folder and all above it up to the root: a limit anywhere on the way holds. In a container the path may not exist, the root does. */
function upwards(root: string, path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '..')
  return [...parts.map((_, i) => join(root, ...parts.slice(0, parts.length - i))), root]
}

const number = async (file: string): Promise<number> => Number.parseFloat(await readFile(file, 'utf8').catch(() => 'none'))

async function processorsOf(folder: string): Promise<number | undefined> {
  const [quota, period] = (await readFile(join(folder, 'cpu.max'), 'utf8').catch(() => '')).split(' ').map(Number.parseFloat)
  const [old, oldPeriod] = [await number(join(folder, 'cpu.cfs_quota_us')), await number(join(folder, 'cpu.cfs_period_us'))]
  return positive((quota ?? Number.NaN) / (period ?? Number.NaN)) ?? positive(old / oldPeriod)
}

const memoryOf = async (folder: string): Promise<number | undefined> =>
  positive(await number(join(folder, 'memory.max'))) ?? positive(await number(join(folder, 'memory.limit_in_bytes')))

const positive = (value: number): number | undefined => (value > 0 && value < noLimit ? value : undefined)

function smallest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined)
  return known.length > 0 ? Math.min(...known) : undefined
}
