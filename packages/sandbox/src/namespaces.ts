import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { Descriptors } from './descriptors.js'
import { mostFiles } from './limits.js'
import { type Confinement, type Prepared, workFolder } from './mechanism.js'
import { type Mount, mounts, mountsUnder } from './mounts.js'
import { findIn, systemPath } from './programs.js'
import { hardLimits, limitLines, quote } from './shell.js'

const tools = ['unshare', 'setpriv', 'mount', 'umount', 'pivot_root', 'dd', 'env', 'sh']

/**
 * The same walls from util-linux and a shell script, where bubblewrap is not installed: slower by some 25 ms, and without a
 * filter of system calls. The script is process 1 and has the capabilities, the program has none.
 */
export function namespaces(): Confinement | undefined {
  const found = tools.map((name) => findIn(systemPath, name))
  const root = ['/mnt', '/media'].find((folder) => existsSync(folder))
  if (found.includes(undefined) || root === undefined) return undefined
  const version = /[\d.]+/.exec(execFileSync(found[0]!, ['--version'], { encoding: 'utf8' }))?.[0] ?? ''
  const hard = hardLimits()
  return {
    mechanism: {
      kind: 'namespaces',
      version,
      seccomp: false,
      notes: ['System calls are not filtered, so sockets that know no network namespace (AF_VSOCK) work; install bubblewrap.'],
    },
    prepare(program) {
      const descriptors = new Descriptors()
      try {
        descriptors.add(Buffer.concat([...program.files.values()]))
        const script = scriptFor(program, { root, mounts: mounts(), limiting: limitLines(program.limits, hard) })
        const command: [string, ...string[]] = [
          found[1]!,
          ...['--pdeathsig', 'KILL', found[0]!, '--user', '--map-root-user', '--mount', '--pid', '--fork', '--kill-child'],
          ...['--net', '--ipc', '--uts', '--cgroup', found[7]!, '-c', script, 'sh', ...program.command],
        ]
        const env = { PATH: systemPath }
        return { command, env, cwd: '/', descriptors: descriptors.all, dispose: () => descriptors.close() }
      } catch (error) {
        descriptors.close()
        throw error
      }
    },
  }
}

interface Surroundings {
  readonly root: string
  readonly mounts: readonly Mount[]
  readonly limiting: string
}

/** What process 1 does: builds a root from nothing, moves into it, gives its powers up and runs the program. */
function scriptFor({ view, files, env, limits }: Prepared, { root, mounts, limiting }: Surroundings): string {
  const at = (path: string) => quote(`${root}${path}`)
  const size = (bytes: number) => `size=${Math.ceil(bytes)},nr_inodes=${mostFiles}`
  const bind = (path: string) => [
    `mount --rbind ${quote(path)} ${at(path)}`,
    // Flags that the host set are locked; leaving one out is refused.
    ...mountsUnder(path, mounts).map((mount) => `mount -o ${['remount,bind,ro', ...mount.flags].join(',')} ${at(mount.path)}`),
  ]
  const devices = ['null', 'zero', 'full', 'random', 'urandom']
  return [
    'set -e',
    // Still the host's /proc, so this is the number that the host knows.
    'read -r pid rest </proc/self/stat',
    'hostname sandbox 2>/dev/null || :',
    'mount --make-rprivate /',
    `mount -t tmpfs -o mode=755,size=1m,nr_inodes=2000 sandbox ${root}`,
    ...view.flatMap((one) =>
      one.kind === 'link'
        ? [`mkdir -p ${at(dirname(one.path))}`, `ln -s ${quote(one.target)} ${at(one.path)}`]
        : one.kind === 'folder'
          ? [`mkdir -p ${at(one.path)}`, ...bind(one.path)]
          : [`mkdir -p ${at(dirname(one.path))}`, `: >${at(one.path)}`, ...bind(one.path)],
    ),
    `mkdir ${at('/proc')} ${at('/dev')} ${at('/tmp')} ${at('/.host')}`,
    `mount -t proc -o nosuid,nodev,noexec proc ${at('/proc')}`,
    ...devices.flatMap((name) => [`: >${at(`/dev/${name}`)}`, `mount --bind /dev/${name} ${at(`/dev/${name}`)}`]),
    ...Object.entries({ fd: '', stdin: '/0', stdout: '/1', stderr: '/2' }).map(
      ([name, path]) => `ln -s /proc/self/fd${path} ${at(`/dev/${name}`)}`,
    ),
    `mkdir ${at('/dev/shm')}`,
    `mount -t tmpfs -o nosuid,nodev,mode=1777,${size(Math.min(limits.diskBytes, limits.memoryBytes))} shm ${at('/dev/shm')}`,
    `mount -t tmpfs -o nosuid,nodev,mode=1777,${size(limits.diskBytes)} tmp ${at('/tmp')}`,
    `mkdir ${at(workFolder)}`,
    ...[...files].flatMap(([name, bytes]) => {
      const path = `${workFolder}/${name}`
      const write = bytes.length === 0 ? `: >${at(path)}` : `dd bs=${bytes.length} count=1 of=${at(path)} <&4 2>/dev/null`
      return [`mkdir -p ${at(dirname(path))}`, write]
    }),
    'exec 4<&-',
    `cd ${root}`,
    'pivot_root . .host',
    'cd /',
    'umount -l /.host',
    'rmdir /.host',
    'echo "{ \\"child-pid\\": $pid }" >&3',
    'mount -o remount,bind,ro /',
    'echo 0 >/proc/sys/user/max_user_namespaces',
    `cd ${workFolder}`,
    limiting,
    'code=0',
    `setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- env -i ${Object.entries(env)
      .map(([name, value]) => quote(`${name}=${value}`))
      .join(' ')} "$@" 3>&- || code=$?`,
    'echo "{ \\"exit-code\\": $code }" >&3',
    'exit $code',
  ].join('\n')
}
