import { readdirSync, readFileSync, statfsSync, statSync } from 'node:fs'

export interface Usage {
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly processes: number
  /** In its /tmp. */
  readonly files: number
}

// USER_HZ and the page size of both architectures that are known.
const ticksPerSecond = 100
const pageBytes = 4096

/**
 * What lives in the process namespace whose first process the host knows as `pid`, by that namespace's own /proc. Undefined when
 * it has ended or cannot be looked at.
 */
export function usageOf(pid: number): Usage | undefined {
  const root = `/proc/${pid}/root`
  try {
    // Until it has moved into its own root this would be the host's /proc.
    if (samePlace(root, '/')) return undefined
    let [ticks, pages, processes] = [0, 0, 0]
    for (const name of readdirSync(`${root}/proc`)) {
      if (!/^\d+$/.test(name)) continue
      // Of the first, which waits for orphans, the view from inside may be covered.
      const one = read(name === '1' ? `/proc/${pid}` : `${root}/proc/${name}`)
      if (!one) continue
      processes++
      ticks += one.ticks
      pages += one.pages
    }
    const { files, ffree } = statfsSync(`${root}/tmp`)
    return { cpuSeconds: ticks / ticksPerSecond, memoryBytes: pages * pageBytes, processes, files: files - ffree }
  } catch {
    return undefined
  }
}

function samePlace(a: string, b: string): boolean {
  const [one, other] = [statSync(a), statSync(b)]
  return one.dev === other.dev && one.ino === other.ino
}

/** Time of the process and of those that it waited for, and the pages that are its own or shared memory. */
function read(folder: string): { ticks: number; pages: number } | undefined {
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1')
    // The name, in parentheses, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const ticks = [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0)
    const status = readFileSync(`${folder}/status`, 'latin1')
    const kibibytes = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0)
    return { ticks, pages: ((kibibytes('RssAnon') + kibibytes('RssShmem')) * 1024) / pageBytes }
  } catch {
    return undefined
  }
}
