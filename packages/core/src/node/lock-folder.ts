import { randomUUID } from 'node:crypto'
import { type FileHandle, link, open, readFile, readlink, rename, rm, stat, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { QtError, usageError } from '../errors.js'
import { makeFolder } from './make-folder.js'

export interface FolderLock {
  /** Throws where another machine has taken this process for dead and the folder for its own, as after a pause of the whole machine. */
  requireHeld(): void
  release(): Promise<void>
}

/** Locks that this process holds, for platforms that do not say when a process began: its number may be that of an earlier one. */
const held = new Set<string>()

/** A lock that counts says so as often, in milliseconds; one of another machine that says nothing for so long does not count. */
const patience = { beat: 5000, silence: 30_000 }

/**
 * Lets one run at a time work in a folder; a lock whose process is gone does not count. Of a process on another machine, or in another container,
 * only the lock itself tells: it is watched for half a minute.
 */
export async function lockFolder(folder: string, { beat, silence } = patience): Promise<FolderLock> {
  const file = resolve(folder, 'run.lock')
  await makeFolder(folder)
  const here = await machine()
  const mine = `${process.pid} ${(await startOf(process.pid)) ?? ''} ${here}`
  for (;;) {
    if (await create(file, beatOf(mine, 0))) {
      held.add(file)
      const { stop, isLost } = await keepBeating(file, mine, beat)
      return {
        requireHeld() {
          if (isLost()) throw lockedElsewhere(folder, file)
        },
        async release() {
          await stop()
          // Whoever took this process for dead has put another one there.
          const found = await readFile(file, 'utf8').catch(() => mine)
          if (found.startsWith(mine)) await rm(file, { force: true })
          held.delete(file)
        },
      }
    }
    const found = await contentOf(file)
    if (found === undefined) continue
    const [pid = '', start = '', where = here] = found.split(' ')
    const owner = Number(pid)
    const isAlive = () => (where === here ? isWorking(owner, start, file) : isBeating(file, found, silence))
    if (owner > 0 && (await isAlive())) throw where === here ? locked(folder, owner, file) : lockedElsewhere(folder, file)
    await removeStale(file, found)
  }
}

const contentOf = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })

/** Where numbers of processes mean the same: a machine since it started, and of it a container. */
async function machine(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const container = await readlink('/proc/self/ns/pid').catch(() => '')
  return `${hostname()}/${boot.trim()}/${container}`.replace(/\s/g, '')
}

/** Always as long, so that it replaces another one. */
const beatOf = (mine: string, count: number): string => `${mine} ${String(count).padStart(10, '0')}`

/** Writes into the file that was made, and looks whether another lies in its place. A disk that fails is told of by what the run itself writes. */
async function keepBeating(file: string, mine: string, every: number) {
  const handle = await open(file, 'r+')
  let [count, isLost, isTelling] = [0, false, false]
  const tell = async () => {
    await handle.write(beatOf(mine, ++count), 0)
    // A file system of the network keeps what is written for itself until it is asked.
    await handle.datasync()
    isLost ||= await isOther(file, handle)
  }
  const timer = setInterval(async () => {
    if (isTelling) return
    isTelling = true
    await tell().catch(() => {})
    isTelling = false
  }, every)
  timer.unref()
  const stop = async () => {
    clearInterval(timer)
    await handle.close().catch(() => {})
  }
  return { stop, isLost: () => isLost }
}

async function isOther(file: string, handle: FileHandle): Promise<boolean> {
  const [there, own] = await Promise.all([stat(file).catch(() => undefined), handle.stat()])
  return there !== undefined && there.ino !== own.ino
}

/** Whether a lock changes while it is watched. */
async function isBeating(file: string, seen: string, silence: number): Promise<boolean> {
  const until = performance.now() + silence
  while (performance.now() < until) {
    await new Promise((resume) => setTimeout(resume, silence / 30))
    const now = await contentOf(file)
    if (now !== seen) return now !== undefined
  }
  return false
}

const whatToDo = ['Wait until it ends, or stop it.', 'Choose another "output".']

const locked = (folder: string, owner: number, file: string): QtError =>
  usageError(
    'RUN_LOCKED',
    `${owner === process.pid ? 'Another run of this process' : `Process ${owner}`} is working in ${folder}.`,
    { where: { file }, actions: whatToDo },
  )

/** No usage error: a cluster may have taken a machine for lost that is not, and does right to start it once more. */
const lockedElsewhere = (folder: string, file: string): QtError =>
  new QtError({
    code: 'RUN_LOCKED',
    message: `A process of another machine or container is working in ${folder}.`,
    where: { file },
    actions: whatToDo,
  })

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
