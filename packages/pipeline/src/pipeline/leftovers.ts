import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isOwnFolder } from './own-folder.js'

/** The names under which files and folders are written before they get their own. */
const temporary = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(tmp|old)$/

/** What is written into the output folder itself. */
const written = /^(\.merged|model-[a-z0-9_]+\.gguf|report\.html|stages\.json|run\.lock)$/

/** Removes what a process that was killed had half written: nobody else would, and it is as large as a model. */
export async function sweepLeftovers(output: string): Promise<void> {
  await sweep(output, (name) => written.test(name))
  for (const name of ['data', 'train', 'merged']) {
    const folder = join(output, name)
    if (await isOwnFolder(folder)) await sweep(folder, () => true)
  }
}

async function sweep(folder: string, isMade: (name: string) => boolean): Promise<void> {
  for (const name of await readdir(folder).catch(() => []))
    if (temporary.test(name) && isMade(name.replace(temporary, '')))
      await rm(join(folder, name), { recursive: true, force: true })
}
