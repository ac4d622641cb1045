import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { usageError } from '../errors.js'

/**
 * Makes a folder and those above it. Step by step, because `mkdir` with `recursive` never comes back where a folder takes no
 * other one (`/proc`), and because what is in the way deserves a name.
 */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = []
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    const there = await stat(folder).catch(() => undefined)
    if (there?.isDirectory()) break
    if (there) throw unusable(path, `${folder} is a file`)
    missing.unshift(folder)
  }
  for (const folder of missing)
    try {
      await mkdir(folder)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      // Another process was quicker.
      if (code === 'EEXIST') continue
      throw unusable(path, `${dirname(folder)} takes no new folder (${String(code ?? error)})`)
    }
}

const unusable = (path: string, why: string) =>
  usageError('FOLDER_UNUSABLE', `No folder can be made at "${path}": ${why}.`, {
    where: { file: path },
    actions: ['Choose another folder.', 'Check its name and permissions.'],
  })
