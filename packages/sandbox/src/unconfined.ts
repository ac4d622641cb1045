import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Confinement, workFolder } from './mechanism.js'
import { hardLimits, limitLines } from './shell.js'

/** No walls at all: limits of the process, a folder of its own, and nothing else. Only when it was asked for by name. */
export function unconfined(): Confinement {
  const hard = hardLimits()
  return {
    mechanism: {
      kind: 'none',
      version: '',
      seccomp: false,
      notes: ['Programs are not confined: they can read, change and delete whatever you can, and use the network.'],
    },
    prepare({ files, limits, env, command }) {
      const folder = mkdtempSync(join(tmpdir(), 'qt-unconfined-'))
      for (const [name, bytes] of files) {
        mkdirSync(dirname(join(folder, name)), { recursive: true })
        writeFileSync(join(folder, name), bytes)
      }
      const here = Object.entries(env).map(([name, value]) => [name, value.replace(workFolder, folder)] as const)
      // Processes are counted for the whole user here, so their number cannot be limited.
      const limiting = limitLines({ ...limits, processes: 0 }, hard).replace(/\{ ulimit -u.*?\} && /, '')
      return {
        command: ['/bin/sh', '-c', `${limiting}; exec "$@"`, 'sh', ...command],
        env: Object.fromEntries(here),
        cwd: folder,
        descriptors: [],
        dispose: () => rmSync(folder, { recursive: true, force: true }),
      }
    },
  }
}
