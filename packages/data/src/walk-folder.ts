import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { messageOf, usageError } from '@qt/core'
import { type Finding, toFinding } from './scenario/finding.js'

export interface WalkOptions {
  /** Told of links, of what is no file, and of folders that cannot be read; left out: such a folder is a QtError. */
  readonly onFinding?: ((finding: Finding) => void) | undefined
  /** Real paths of files that are left out, by whatever name: those that are held out. */
  readonly avoid?: ReadonlySet<string> | undefined
}

/**
 * The files below a folder, each real path once: what a link leads to is left out when it is there under its own name, and when it is
 * the folder itself or one around it. What is to be avoided is left out. Names that begin with a dot are passed over.
 */
export async function walkFolder(root: string, { onFinding, avoid }: WalkOptions = {}): Promise<string[]> {
  const files: string[] = []
  const links: string[] = []
  const seen = new Set<string>()
  let avoided = 0
  const tell = (severity: Finding['severity'], code: string, file: string, message: string, fix: string) =>
    onFinding?.(toFinding({ code, severity, line: 1, message, fix }, file))

  const folders: [path: string, real: string, linked: boolean][] = [[root, await realpath(root), false]]
  const top = folders[0]![1]
  while (folders.length > 0 || links.length > 0) {
    const [folder, real, linked = false] = folders.pop() ?? (await target(links.shift()!)) ?? []
    if (folder === undefined || real === undefined || seen.has(real)) continue
    seen.add(real)
    for (const entry of await entries(folder)) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) folders.push([path, join(real, entry.name), linked])
      else if (entry.isSymbolicLink()) links.push(path)
      else if (entry.isFile()) take(path, join(real, entry.name), linked)
      else tell('warning', 'no-file', path, 'This is no file with contents.', 'Take it out of the folder; it is passed over.')
    }
  }
  if (avoided > 0) onFinding?.(heldOutInside(root, avoided))
  return files

  function take(path: string, real: string, linked = false): void {
    if (seen.has(real)) return
    seen.add(real)
    if (!avoid?.has(real)) files.push(path)
    else if (linked) heldOut(path, real)
    else avoided++
  }

  function heldOut(path: string, real: string): void {
    tell('warning', 'link', path, `A link leads to ${real}, which is held out: it is not read.`, 'Remove the link.')
  }

  async function entries(folder: string): Promise<Dirent[]> {
    try {
      return (await readdir(folder, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'))
    } catch (cause) {
      const message = `The folder cannot be read: ${messageOf(cause)}.`
      const fix = 'Give yourself the right to read it, or take it out.'
      if (onFinding === undefined)
        throw usageError('DATA_UNREADABLE', message, { where: { file: folder }, actions: [fix], cause })
      tell('error', 'unreadable', folder, message, fix)
      return []
    }
  }

  /** Takes the file that a link leads to, or gives the folder. What has a name of its own was walked before. */
  async function target(path: string): Promise<[string, string, boolean] | undefined> {
    const skipped = (message: string, fix: string) => tell('warning', 'link', path, message, fix)
    const real = await realpath(path).catch(() => undefined)
    const what = real === undefined ? undefined : await stat(real).catch(() => undefined)
    if (real === undefined || what === undefined) skipped('This link leads nowhere.', 'Remove it, or put back what it led to.')
    else if (avoid?.has(real)) heldOut(path, real)
    else if (seen.has(real))
      skipped(
        `This link leads to ${real}, which is read already: it is read once.`,
        'Remove the link, unless you want it for yourself.',
      )
    else if (what.isFile()) take(path, real)
    else if (!what.isDirectory()) skipped('This link leads to no file with contents.', 'Remove it.')
    else if (`${top}${sep}`.startsWith(real.endsWith(sep) ? real : `${real}${sep}`))
      skipped(`This link leads back to ${real}: it is not followed.`, 'Remove the link.')
    else return [path, real, true]
    return undefined
  }
}

/** Said once for all of them: a folder inside another one is no mistake of any file. */
export const heldOutInside = (place: string, count: number): Finding =>
  toFinding(
    {
      code: 'held-out-inside',
      severity: 'warning',
      line: 1,
      message: `${count} ${count === 1 ? 'file here is' : 'files here are'} held out, and ${count === 1 ? 'is' : 'are'} not trained on.`,
      fix: 'Keep what is held out in a folder of its own, beside this one.',
    },
    place,
  )
