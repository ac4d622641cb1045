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
  return {
    mechanism: { kind: 'bubblewrap', version, seccomp: filter !== undefined, notes },
    prepare(program) {
      const descriptors = new Descriptors()
      try {
        const command = [path, ...commandLine(program, descriptors, filterFile, limitLines(program.limits, hard))] as const
        return { command: [...command], env: {}, cwd: '/', descriptors: descriptors.all, dispose: () => descriptors.close() }
      } catch (error) {
        descriptors.close()
        throw error
      }
    },
  }
}

function commandLine(program: Prepared, descriptors: Descriptors, filter: number | undefined, limiting: string): string[] {
  const { limits, view, files, env, command } = program
  const folders = new Set(view.filter(({ kind }) => kind !== 'link').map(({ path }) => dirname(path)))
  return [
    '--unshare-all',
    '--die-with-parent',
    '--new-session',
    ...['--json-status-fd', '3'],
    ...['--hostname', 'sandbox'],
    ...(filter === undefined ? [] : ['--seccomp', String(descriptors.addAgain(filter))]),
    ...[...folders].filter((folder) => folder !== '/').flatMap((folder) => ['--dir', folder]),
    ...view.flatMap((one) => (one.kind === 'link' ? ['--symlink', one.target, one.path] : ['--ro-bind', one.path, one.path])),
    ...['--proc', '/proc', '--dev', '/dev'],
    // Process 1 is bubblewrap, of the same user and without the filter: its memory must be out of reach.
    ...['--tmpfs', '/proc/1', '--remount-ro', '/proc/1'],
    ...['--size', String(Math.min(limits.diskBytes, limits.memoryBytes)), '--perms', '1777', '--tmpfs', '/dev/shm'],
    ...['--remount-ro', '/dev'],
    ...['--size', String(limits.diskBytes), '--perms', '1777', '--tmpfs', '/tmp', '--dir', workFolder],
    ...[...files].flatMap(([name, bytes]) => [
      '--perms',
      '0644',
      '--file',
      String(descriptors.add(bytes)),
      `${workFolder}/${name}`,
    ]),
    ...['--remount-ro', '/', '--chdir', workFolder, '--clearenv'],
    ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--', '/bin/sh', '-c', `${limiting}; exec "$@"`, 'sh', ...command],
  ]
}

function olderThan(version: string, [major, minor]: readonly [number, number]): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number)
  return a < major || (a === major && b < minor)
}
