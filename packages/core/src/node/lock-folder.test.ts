import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lockFolder } from './lock-folder.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const lock = () => join(folder, 'run.lock')

/** As whoever takes a lock puts its own there: another file, with its content. */
async function replaceLock(content: string): Promise<void> {
  const aside = join(folder, randomUUID())
  await writeFile(aside, content)
  await rename(aside, lock())
}

test('of many who want a folder at once one gets it, and the next when it is released', async () => {
  const tried = await Promise.allSettled(Array.from({ length: 8 }, () => lockFolder(folder)))
  const got = tried.filter((one) => one.status === 'fulfilled')
  expect(got).toHaveLength(1)
  for (const one of tried)
    if (one.status === 'rejected')
      expect(one.reason).toMatchObject({ code: 'RUN_LOCKED', kind: 'usage', where: { file: lock() } })
  await got[0]!.value.release()
  await (await lockFolder(folder)).release()
  expect(await readdir(folder)).toEqual([])
})

test.skipIf(process.platform !== 'linux')(
  'a living process is named; the lock of a dead one, and of an earlier of its number, is none',
  async () => {
    const child = spawn('sleep', ['60'])
    await once(child, 'spawn')
    const stat = await readFile(`/proc/${child.pid}/stat`, 'utf8')
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    await writeFile(lock(), `${child.pid} ${start}`)
    await expect(lockFolder(folder)).rejects.toThrow(`Process ${child.pid} is working in ${folder}.`)

    await writeFile(lock(), `${child.pid} ${Number(start) - 1}`)
    await (await lockFolder(folder)).release()

    await writeFile(lock(), `${child.pid} ${start}`)
    child.kill('SIGKILL')
    await once(child, 'close')
    await (await lockFolder(folder)).release()
    for (const text of ['', 'nonsense', `${process.pid} 1`]) {
      await writeFile(lock(), text)
      await (await lockFolder(folder)).release()
    }
    expect(await readdir(folder)).toEqual([])
  },
)

test('a lock of another machine counts as long as it changes, and is none once it no longer does', async () => {
  const watched = { beat: 20, silence: 600 }
  const own = await lockFolder(folder, watched)
  const elsewhere = (await readFile(lock(), 'utf8')).replace(/^(\d+ \d*) [^ ]+/, '$1 elsewhere/0/0')
  await own.release()

  let [beats, told] = [0, replaceLock(elsewhere)]
  const beating = setInterval(() => {
    told = told.then(() => replaceLock(`${elsewhere}${beats++}`))
  }, 50)
  await told
  await expect(lockFolder(folder, watched)).rejects.toMatchObject({
    code: 'RUN_LOCKED',
    kind: 'failure',
    message: expect.stringContaining('another machine or container'),
  })
  clearInterval(beating)
  await told
  const mine = await lockFolder(folder, watched)
  expect(await readFile(lock(), 'utf8')).toMatch(new RegExp(`^${process.pid} `))
  const first = await readFile(lock(), 'utf8')
  await expect.poll(() => readFile(lock(), 'utf8')).not.toBe(first)

  // Taken for dead, it is told so, and leaves the lock to who took it.
  mine.requireHeld()
  await replaceLock(elsewhere)
  const said = () => {
    try {
      mine.requireHeld()
    } catch (error) {
      return error
    }
  }
  await expect.poll(said).toMatchObject({ code: 'RUN_LOCKED', message: expect.stringContaining('another machine or container') })
  await mine.release()
  expect(await readdir(folder)).toEqual(['run.lock'])
})
