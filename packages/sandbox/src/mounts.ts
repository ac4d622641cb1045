import { readFileSync } from 'node:fs'

export interface Mount {
  readonly path: string
  /** Of the mount itself: nosuid, nodev, relatime … */
  readonly flags: readonly string[]
}

/** The mounts of this process. https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
export const mounts = (text: string = readFileSync('/proc/self/mountinfo', 'utf8')): Mount[] =>
  text
    .split('\n')
    .map((line) => line.split(' '))
    .filter((words) => words.length > 6)
    .map((words) => ({
      path: words[4]!.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      flags: words[5]!.split(',').filter((flag) => flag !== 'rw' && flag !== 'ro'),
    }))

/** The mount that holds the path, at the path itself, and those below it: all that a recursive bind brings along. */
export function mountsUnder(path: string, all: readonly Mount[]): Mount[] {
  const holding = all
    .filter((mount) => mount.path === '/' || path === mount.path || path.startsWith(`${mount.path}/`))
    .reduce((best, mount) => (mount.path.length >= best.path.length ? mount : best), { path: '', flags: [] as readonly string[] })
  const below = all.filter((mount) => mount.path.startsWith(`${path}/`))
  return [{ path, flags: holding.flags }, ...below]
}
