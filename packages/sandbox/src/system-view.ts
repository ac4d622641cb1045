import { lstatSync, readlinkSync } from 'node:fs'

/** What of the host a program sees, read-only, at the same path. */
export type View =
  | { readonly kind: 'folder' | 'file'; readonly path: string }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }

const system = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/nix/store']
// What programs need to start; the rest of /etc is nobody's business.
const settings = ['/etc/alternatives', '/etc/ld.so.cache', '/etc/localtime']

/** The system's programs and libraries, and the folders or files named. */
export const systemView = (more: readonly string[] = []): View[] => [
  ...[...system, ...settings].flatMap((path) => look(path, true)),
  ...more.flatMap((path) => look(path, false)),
]

function look(path: string, optional: boolean): View[] {
  const found = lstatSync(path, { throwIfNoEntry: !optional })
  if (!found) return []
  if (found.isSymbolicLink()) return [{ kind: 'link', path, target: readlinkSync(path) }]
  return [{ kind: found.isDirectory() ? 'folder' : 'file', path }]
}

/** Whether the path lies in what every program sees. */
export const inSystem = (path: string): boolean => system.some((folder) => path.startsWith(`${folder}/`))
