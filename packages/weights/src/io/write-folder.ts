import { baseName, folderOf, joinPath } from './paths.js'
import { syncFolder, writeError } from './write-file.js'

/**
 * Fills a temporary folder, then puts it in place by renaming. A folder that is there already is replaced whole when it
 * holds nothing else; otherwise it stays, and the new files replace those of the same names one by one.
 */
export async function writeFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const { mkdir, readdir, rename, rm } = await import('node:fs/promises')
  const parent = folderOf(folder)
  const id = globalThis.crypto.randomUUID()
  const temporary = joinPath(parent, `.${baseName(folder)}.${id}.tmp`)
  const old = joinPath(parent, `.${baseName(folder)}.${id}.old`)
  try {
    await mkdir(temporary, { recursive: true })
    await fill(temporary)
    await syncFolder(temporary)
    const written = await readdir(temporary)
    const existing = await readdir(folder).catch(() => undefined)
    if (existing === undefined) await rename(temporary, folder)
    else if (existing.every((name) => written.includes(name))) {
      await rename(folder, old)
      await rename(temporary, folder)
      await rm(old, { recursive: true, force: true })
    } else {
      for (const name of written) await rename(joinPath(temporary, name), joinPath(folder, name))
      await syncFolder(folder)
    }
    await syncFolder(parent)
  } catch (error) {
    throw writeError(folder, error)
  } finally {
    await rm(temporary, { recursive: true, force: true })
  }
}
