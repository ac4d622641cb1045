import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { usageError } from '../errors.js'
import { makeFolder } from './make-folder.js'

/** Locks that this process holds, for platforms that do not say when a process began: its number may be that of an earlier one. */
const held = new Set<string>()

/** Lets one run at a time work in a folder; a lock whose process is gone does not count. Returns the release. */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const file = resolve(folder, 'run.lock')
  await makeFolder(folder)
  const mine = `${process.pid} ${(await startOf(process.pid)) ?? ''}`
  for (;;) {
    if (await create(file, mine)) {
      held.add(file)
      return async () => {
        await rm(file, { force: true })
        held.delete(file)
      }
    }
    const found = await readFile(file, 'utf8').catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (found === undefined) continue
    const [pid = '', start = ''] = found.split(' ')
    const owner = Number(pid)
    if (owner > 0 && (await isWorking(owner, start, file))) throw locked(folder, owner, file)
    await removeStale(file, found)
  }
}

const locked = (folder: string, owner: number, file: string) =>
  usageError(
    'RUN_LOCKED',
    `${owner === process.pid ? 'Another run of this process' : `Process ${owner}`} is working in ${folder}.`,
    {
      where: { file },
      actions: ['Wait until it ends, or stop it.', 'Choose another "output".'],
    },
  )

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined)

/** What file systems say that know no links. */
const withoutLinks = new Set<unknown>(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** False when there is a lock. It appears with its content: an empty one would look like a stale one. */
async function create(file: string, content: string): Promise<boolean> {
  const temporary = `${file}.${randomUUID()}.tmp`
  try {
    await writeFile(temporary, content, { flag: 'wx' })
    await link(temporary, file)
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    if (!withoutLinks.has(codeOf(error))) throw error
    return await createWithoutLink(file, content)
  } finally {
    await rm(temporary, { force: true })
  }
}

async function createWithoutLink(file: string, content: string): Promise<boolean> {
  try {
    await writeFile(file, content, { flag: 'wx' })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  }
}

/** Takes the lock away only when it is still the one that was seen: another process may have replaced it meanwhile. */
async function removeStale(file: string, seen: string): Promise<void> {
  const aside = `${file}.${randomUUID()}.tmp`
  try {
    await rename(file, aside)
    if ((await readFile(aside, 'utf8')) !== seen) await link(aside, file).catch(() => {})
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  } finally {
    await rm(aside, { force: true })
  }
}

/** When a living process began, in the kernel's ticks; undefined for one that is gone, or ended and not yet reaped, or elsewhere than Linux. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // The name, in brackets, may hold spaces; the state is the first field after it and the start the twentieth.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

async function isWorking(pid: number, start: string, file: string): Promise<boolean> {
  if (process.platform === 'linux') return start !== '' && (await startOf(pid)) === start
  if (pid === process.pid) return held.has(file)
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) === 'EPERM'
  }
}
