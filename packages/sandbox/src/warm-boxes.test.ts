import { spawn } from 'node:child_process'
import { readdirSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { boxes, launchers, processesWith } from '../test/processes-of.js'
import { openSandbox, type Sandbox } from './index.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const limits = { wallSeconds: 60, cpuSeconds: 30 }
const open = (): Promise<Sandbox> => openSandbox({ mechanism: 'bubblewrap', parallel: 1, limits })
const sandbox = await open().catch((error: Error) => {
  console.log(`skipped: walls that are put up ahead (${error.message})`)
  return undefined
})
afterAll(() => sandbox?.close())

const mark = `qt-warm-${process.pid}`

/** Programs and boxes that the test's own caller of a sandbox started. */
const marked = (): string[] => [...processesWith('environ', mark), ...processesWith('cmdline', `MARK\0${mark}`)]

const folders = (): string[] => readdirSync('/dev/shm').filter((name) => name.startsWith('qt-sandbox-'))

const look = (i: number) => `
import os
print(${i}, os.listdir('/tmp'), os.listdir('.'), os.path.exists('/dev/shm/left'))
for path in ['/tmp/left', 'left', '/dev/shm/left']: open(path, 'w').write('x')
`

describe.skipIf(!sandbox)('walls that are put up ahead', () => {
  test('each program has its own, which nobody was in', async () => {
    for (let i = 0; i < 5; i++) {
      const { stdout, stderr, ended } = await sandbox!.run({ language: 'python', code: look(i) })
      expect([ended, stdout], stderr).toEqual(['exited', `${i} ['work'] ['main.py'] False\n`])
      // The first program says nothing about the next; from the second on one more is expected.
      await vi.waitFor(() => expect(boxes()).toBe(i === 0 ? 0 : 1), { timeout: 60_000 })
    }
  })

  test('are for the same kind of program alone', async () => {
    const code = 'import os, sys; print(os.environ.get("WORD"), sys.stdin.read())'
    const say = async (more: object) => (await sandbox!.run({ language: 'python', code, ...more })).stdout
    for (let i = 0; i < 3; i++) expect(await say({})).toBe('None \n')
    expect(await say({ stdin: 'given' })).toBe('None given\n')
    for (let i = 0; i < 3; i++) expect(await say({})).toBe('None \n')
    expect(await say({ env: { WORD: 'other' } })).toBe('other \n')
    for (let i = 0; i < 3; i++) expect(await say({})).toBe('None \n')
    const { stdout } = await sandbox!.run({ language: 'shell', code: 'ls' })
    expect(stdout).toBe('main.sh\n')
    for (let i = 0; i < 3; i++) expect(await say({})).toBe('None \n')
    const slow = await sandbox!.run({ language: 'python', code: 'while True: pass', limits: { wallSeconds: 0.5 } })
    expect(slow.ended).toBe('wall')
  })

  test('hold as the others do, and the time of waiting is nobody’s', async () => {
    const code =
      'import os\ntry: os.listdir("/root")\nexcept OSError as error: print(error.strerror)\nprint(len(os.listdir("/sys")) if os.path.exists("/sys") else 0)'
    for (let i = 0; i < 4; i++) {
      const { stdout, seconds } = await sandbox!.run({ language: 'python', code })
      expect(stdout).toBe('No such file or directory\n0\n')
      expect(seconds).toBeLessThan(60)
    }
  })

  test('go when nothing came for a while, and with the sandbox', async () => {
    await vi.waitFor(() => expect(boxes()).toBe(0), { timeout: 60_000 })
    const other = await open()
    for (let i = 0; i < 3; i++) await other.run({ language: 'python', code: `print(${i})` })
    expect(boxes()).toBe(1)
    await other.close()
    await vi.waitFor(() => expect(boxes()).toBe(0), { timeout: 60_000 })
    await expect(other.run({ language: 'python', code: '' })).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
  })

  test('are not those of a program that went over a limit, nor does its text reach the next', async () => {
    const say = async (code: string) => (await sandbox!.run({ language: 'python', code })).stdout
    for (let i = 0; i < 3; i++) expect(await say(`print(${i})`)).toBe(`${i}\n`)
    const flood = await sandbox!.run({ language: 'python', code: `while True: print('flood' * 10000) # ${'x'.repeat(200_000)}` })
    expect(flood.ended).toBe('output')
    for (let i = 0; i < 4; i++) expect(await say(`print(${i})`)).toBe(`${i}\n`)
  })

  test('that fell before their program came are done without', async () => {
    const other = await open()
    const say = async (i: number) => (await other.run({ language: 'python', code: `print(${i})` })).stdout
    for (let i = 0; i < 3; i++) await say(i)
    for (const pid of launchers()) process.kill(pid, 'SIGKILL')
    for (let i = 0; i < 3; i++) expect(await say(i)).toBe(`${i}\n`)
    await other.close()
  })

  const program = (last: string) => `
    const { openSandbox } = await import(${JSON.stringify(fileURLToPath(new URL('./index.ts', import.meta.url)))})
    const sandbox = await openSandbox({ mechanism: 'bubblewrap', parallel: 1 })
    const run = (code) => sandbox.run({ language: 'python', code, env: { MARK: '${mark}' }, limits: { wallSeconds: 60 } })
    for (let i = 0; i < 3; i++) console.log((await run('print(' + i + ')')).stdout.trim())
    ${last}
  `
  const node = (last: string) =>
    spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program(last)], {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
    })

  test('keep no process alive, and leave no files', async () => {
    const before = folders()
    const child = node('')
    let [said, errors] = ['', '']
    child.stdout.on('data', (piece) => {
      said += piece
    })
    child.stderr.on('data', (piece) => {
      errors += piece
    })
    const code = await new Promise((resolve) => child.once('close', resolve))
    expect([code, said], errors).toEqual([0, '0\n1\n2\n'])
    expect(folders().filter((name) => !before.includes(name))).toEqual([])
  })

  test('end with whoever opened them, however that ends', async () => {
    const before = folders()
    const child = node(`run('import time; time.sleep(50)'); setTimeout(() => console.log('sleeping'), 1000)`)
    await new Promise<void>((resolve) => {
      child.stdout.on('data', (piece: Buffer) => {
        if (piece.toString().includes('sleeping')) resolve()
      })
    })
    expect(marked()).not.toEqual([])
    child.kill('SIGKILL')
    await vi.waitFor(() => expect(marked()).toEqual([]), { timeout: 60_000 })
    // Nobody was left to remove them; those that are a day old are removed by the next that opens a sandbox.
    const left = folders().filter((name) => !before.includes(name))
    for (const name of left) utimesSync(join('/dev/shm', name), 1, 1)
    await new Promise((resolve) => node('').once('close', resolve))
    expect(folders().filter((name) => left.includes(name))).toEqual([])
  })
})
