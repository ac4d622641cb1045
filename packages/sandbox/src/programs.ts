import { execFileSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { inSystem } from './system-view.js'

export const systemPath = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'

/** An interpreter, and the folder or file outside of the system that it needs. */
export interface Interpreter {
  readonly path: string
  readonly needs: readonly string[]
}

/** The first of these folders that has the program. */
export const findIn = (folders: string, name: string): string | undefined =>
  folders
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path))

/** Node is the one that runs this. */
export function findNode(path: string = realpathSync(process.execPath)): Interpreter {
  return { path, needs: inSystem(path) ? [] : [path] }
}

/** The system's Python; else the first of $PATH, with the folder that it was installed into. */
export function findPython(search: string = process.env.PATH ?? ''): Interpreter | undefined {
  const system = findIn(systemPath, 'python3')
  if (system !== undefined) return { path: system, needs: [] }
  const other = findIn(search, 'python3')
  if (other === undefined) return undefined
  const lines = execFileSync(other, ['-c', 'import os, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix)'], {
    encoding: 'utf8',
  }).split('\n')
  return { path: lines[0]!, needs: [lines[1]!] }
}
