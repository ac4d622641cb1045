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

/** Boxes of bubblewrap that this process or one of its launchers started, each by its outermost process. */
export function boxes(): number {
  const processes = readdirSync('/proc').flatMap((name) => {
    try {
      const [, comm, parent] = /\((.*)\) \S (\d+) /s.exec(readFileSync(`/proc/${name}/stat`, 'latin1')) ?? []
      return [{ pid: Number(name), comm, parent: Number(parent) }]
    } catch {
      return []
    }
  })
  const launchers = processes.filter(({ comm, parent }) => comm === 'sh' && parent === process.pid).map(({ pid }) => pid)
  return processes.filter(({ comm, parent }) => comm === 'bwrap' && [process.pid, ...launchers].includes(parent)).length
}
