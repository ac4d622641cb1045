import { baseName, folderOf, joinPath } from './paths.js'
import { syncFolder } from './write-file.js'

/**
 * Fills a temporary folder, then puts it in place by renaming. Files of an older folder that the new one
 * does not have are kept.
 */
export async function writeFolder(folder: string, fill: (temporary: string) => Promise<void>): Promise<void> {
  const { mkdir, readdir, rename, rm } = await import('node:fs/promises')
  const parent = folderOf(folder)
  const id = globalThis.crypto.randomUUID()
  const temporary = joinPath(parent, `.${baseName(folder)}.${id}.tmp`)
  const old = joinPath(parent, `.${baseName(folder)}.${id}.old`)
  await mkdir(temporary, { recursive: true })
  try {
    await fill(temporary)
    await syncFolder(temporary)
    const existing = await readdir(folder).catch(() => undefined)
    if (existing === undefined) await rename(temporary, folder)
    else {
      await rename(folder, old)
      await rename(temporary, folder)
      const written = new Set(await readdir(folder))
      for (const name of existing) if (!written.has(name)) await rename(joinPath(old, name), joinPath(folder, name))
      await rm(old, { recursive: true, force: true })
    }
    await syncFolder(parent)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw error
  }
}
