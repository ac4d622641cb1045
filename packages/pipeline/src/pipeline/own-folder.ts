import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '@qt/core'
import { lockFolder, makeFolder, writeFileAtomic } from '@qt/core/node'

/** A folder that has this file is one that the pipeline made; it says of which inputs. */
const mark = 'inputs.sha256'
const isOurs = /^(inputs\.sha256|run\.lock)(\.|$)/

/** True when work of this key was begun in the folder before; otherwise it is emptied for it. */
export async function claimFolder(folder: string, key: string): Promise<boolean> {
  if ((await markOf(folder)) === key) return true
  await emptyFolder(folder, key)
  return false
}

/** Empties a folder that an earlier run made, or begins one. What anybody else has put there stays, and is an error. */
export async function emptyFolder(folder: string, key: string): Promise<void> {
  await makeFolder(folder)
  const names = (await readdir(folder)).filter((name) => !isOurs.test(name))
  if (names.length > 0 && (await markOf(folder)) === undefined)
    throw usageError('PIPELINE_FOLDER_TAKEN', `${folder} has files in it that no pipeline made, and this one needs the folder.`, {
      where: { file: join(folder, names.sort()[0]!) },
      actions: ['Move them away, or name another "output" in pipeline.yaml.'],
    })
  // Somebody may be training there by hand.
  const lock = await lockFolder(folder)
  try {
    // First, so that a folder that is emptied by half is nobody's work.
    await writeFileAtomic(join(folder, mark), 'emptied')
    for (const name of names) await rm(join(folder, name), { recursive: true, force: true })
    await writeFileAtomic(join(folder, mark), key)
  } finally {
    await lock.release()
  }
}

const markOf = (folder: string): Promise<string | undefined> => readFile(join(folder, mark), 'utf8').catch(() => undefined)

/** Whether a folder is one that the pipeline made. */
export const isOwnFolder = async (folder: string): Promise<boolean> => (await markOf(folder)) !== undefined
