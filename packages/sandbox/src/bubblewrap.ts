import { execFileSync } from 'node:child_process'
import { dirname } from 'node:path'
import { Descriptors, namelessFile } from './descriptors.js'
import { type Confinement, type Prepared, workFolder } from './mechanism.js'
import { findIn, systemPath } from './programs.js'
import { seccompFilter } from './seccomp.js'
import { hardLimits, limitLines } from './shell.js'

/** The filter, open as long as this process lives: it is read anew for every program. */
let filterFile: number | undefined

/** Everything through one `bwrap`; undefined when it is not installed. https://github.com/containers/bubblewrap */
export function bubblewrap(): Confinement | undefined {
  const path = findIn(`${systemPath}:${process.env.PATH ?? ''}`, 'bwrap')
  if (path === undefined) return undefined
  const version = /[\d.]+/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[0] ?? ''
  // --size came with 0.8, --json-status-fd long before.
  if (olderThan(version, [0, 8])) return undefined
  const filter = seccompFilter()
  filterFile ??= filter && namelessFile(filter)
  const hard = hardLimits()
  const notes = filter ? [] : [`System calls are not filtered: their numbers on ${process.arch} are not known here.`]
  const limiting = (program: Prepared) => limitLines(program.limits, hard)
  return {
    mechanism: { kind: 'bubblewrap', version, seccomp: filter !== undefined, notes },
    prepare(program) {
      const descriptors = new Descriptors()
      try {
        const args = wallsOf(program, {
          sources: [...program.files.values()].map((bytes) => descriptors.add(bytes)),
          filter: filterFile === undefined ? undefined : descriptors.addAgain(filterFile),
          limiting: limiting(program),
        })
        const rest = { env: {}, cwd: '/', descriptors: descriptors.all, dispose: () => descriptors.close() }
        return { command: [path, ...args], ...rest }
      } catch (error) {
        descriptors.close()
        throw error
      }
    },
    ahead: {
      filter,
      command: (program) => [path, ...wallsOf(program, { sources: [4], filter: filter && 5, limiting: limiting(program) })],
    },
  }
}

interface Setting {
  /** The descriptor of each file. */
  readonly sources: readonly number[]
  /** The descriptor of the filter of system calls. */
  readonly filter: number | undefined
  readonly limiting: string
}

function wallsOf({ limits, view, files, env, command }: Prepared, { sources, filter, limiting }: Setting): string[] {
  const folders = new Set(view.filter(({ kind }) => kind !== 'link').map(({ path }) => dirname(path)))
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    ...['--json-status-fd', '3'],
    ...['--hostname', 'sandbox'],
    ...(filter === undefined ? [] : ['--seccomp', String(filter)]),
    ...[...folders].filter((folder) => folder !== '/').flatMap((folder) => ['--dir', folder]),
    ...view.flatMap((one) => (one.kind === 'link' ? ['--symlink', one.target, one.path] : ['--ro-bind', one.path, one.path])),
    ...['--proc', '/proc', '--dev', '/dev'],
    // Process 1 is bubblewrap, of the same user and without the filter: its memory must be out of reach.
    ...['--tmpfs', '/proc/1', '--remount-ro', '/proc/1'],
    ...['--size', String(Math.min(limits.diskBytes, limits.memoryBytes)), '--perms', '1777', '--tmpfs', '/dev/shm'],
    ...['--remount-ro', '/dev'],
    ...['--size', String(limits.diskBytes), '--perms', '1777', '--tmpfs', '/tmp', '--dir', workFolder],
    ...[...files.keys()].flatMap((name, i) => ['--perms', '0644', '--file', String(sources[i]), `${workFolder}/${name}`]),
    ...['--remount-ro', '/', '--chdir', workFolder, '--clearenv'],
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--', '/bin/sh', '-c', `${limiting}; exec "$@"`, 'sh', ...command],
  ]
}

function olderThan(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a < major || (a === major && b < minor)
}
