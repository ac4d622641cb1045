import { readFileSync } from 'node:fs'
import type { ExecutionLimits } from '@qt/core'

/** A word that a shell takes as it is. */
export const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`

const rows: Readonly<Record<string, string>> = {
  t: 'Max cpu time',
  d: 'Max data size',
  f: 'Max file size',
  n: 'Max open files',
}

/** The hardest limits that this process has: nobody can raise them. */
export function hardLimits(text: string = readFileSync('/proc/self/limits', 'utf8')): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(rows).map(([letter, name]) => {
      const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(text)?.[1]
      return [letter, hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard)]
    }),
  )
}

/**
 * Lines of sh that limit the process they run in, and end it with 125 where that fails. `ulimit` counts data in KiB and files in
 * half KiB; the number of processes is -u in bash and -p in dash, and counts in the innermost user namespace.
 */
export function limitLines(limits: ExecutionLimits, hard: Readonly<Record<string, number>>): string {
  const set = (letter: string, value: number, unit: number) =>
    `ulimit -${letter} ${Math.floor(Math.min(Math.ceil(value / unit), (hard[letter] ?? Infinity) / unit))}`
  const seconds = Math.ceil(limits.cpuSeconds)
  return [
    'ulimit -c 0',
    // The soft limit says so with SIGXCPU, the hard one kills.
    set('t', seconds + 1, 1),
    set('t', seconds, 1).replace('-t', '-S -t'),
    set('d', limits.memoryBytes, 1024),
    set('f', limits.fileBytes, 512),
    set('n', limits.openFiles, 1),
    `{ ulimit -u ${limits.processes} 2>/dev/null || ulimit -p ${limits.processes}; }`,
    // The first that the kernel ends when memory is short.
    '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null || :',
  ]
    .join(' && ')
    .concat(' || exit 125')
}
