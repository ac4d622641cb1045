import { readdirSync, readFileSync } from 'node:fs'

/** Names in /proc of processes of which the file, under their name, holds the text. */
export const processesWith = (file: 'environ' | 'cmdline', text: string): string[] =>
  readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/${file}`, 'latin1').includes(text)
    } catch {
      return false
    }
  })

interface Running {
  readonly pid: number
  readonly name: string
  readonly parent: number
}

const running = (): Running[] =>
  readdirSync('/proc').flatMap((pid) => {
    try {
      const [, name = '', parent] = /\((.*)\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'latin1')) ?? []
      return [{ pid: Number(pid), name, parent: Number(parent) }]
    } catch {
      return []
    }
  })

/** Shells of this process that start boxes. */
export const launchers = (): number[] =>
  running()
    .filter(({ name, parent }) => name === 'sh' && parent === process.pid)
    .map(({ pid }) => pid)

/** Boxes of bubblewrap that this process or one of its launchers started, each by its outermost process. */
export function boxes(): number {
  const starters = [process.pid, ...launchers()]
  return running().filter(({ name, parent }) => name === 'bwrap' && starters.includes(parent)).length
}
