import { QtError } from '@qt/core'
import { afterAll, describe, expect, test } from 'vitest'
import { chooseConfinement } from './choose.js'
import { openSandbox, type Sandbox } from './index.js'

const sandbox: Sandbox | undefined = await openSandbox({ limits: { wallSeconds: 60 } }).catch((error: Error) => {
  console.log(`Nothing is run in a sandbox: ${error.message}`)
  return undefined
})
afterAll(() => sandbox?.close())

describe.skipIf(!sandbox)('a sandbox', () => {
  const run: Sandbox['run'] = (program) => sandbox!.run(program)

  test('says what it is', () => {
    expect(['bubblewrap', 'namespaces']).toContain(sandbox!.mechanism.kind)
    expect(sandbox!.mechanism.version).toMatch(/\d/)
  })

  test('runs every language, with files, input, arguments and environment', { timeout: 120_000 }, async () => {
    const files = { 'deep/er/data.txt': 'from a file', 'empty.txt': '' }
    const python = await run({
      language: 'python',
      code: 'import sys, os, helper\nprint(helper.x, open("deep/er/data.txt").read(), sys.stdin.read(), sys.argv[1], os.environ["GIVEN"])',
      files: { ...files, 'helper.py': 'x = 7' },
      stdin: 'ünï',
      args: ['two words'],
      env: { GIVEN: "it's" },
    })
    expect(python).toMatchObject({ ended: 'exited', exitCode: 0, stdout: "7 from a file ünï two words it's\n", stderr: '' })
    const javascript = await run({
      language: 'javascript',
      code: "import { readFileSync } from 'node:fs'; console.log(readFileSync('deep/er/data.txt', 'utf8'))",
      files,
    })
    expect(javascript).toMatchObject({ exitCode: 0, stdout: 'from a file\n' })
    const typescript = await run({
      language: 'typescript',
      code: "import { twice } from './twice.ts'\nconst x: number = twice(21)\nconsole.log(x)",
      files: { 'twice.ts': 'export const twice = (x: number): number => 2 * x' },
    })
    expect(typescript).toMatchObject({ exitCode: 0, stdout: '42\n' })
    const shell = await run({ language: 'shell', code: 'cat; echo "$1" >&2; exit 3', stdin: 'in', args: ['out'] })
    expect(shell).toMatchObject({ exitCode: 3, stdout: 'in', stderr: 'out\n' })
    expect(await run({ command: ['sh', '-c', 'kill -9 $$'] })).toMatchObject({ ended: 'exited', exitCode: 137 })
    expect(await run({ command: ['no-such-program'] })).toMatchObject({ ended: 'exited', exitCode: 127 })
  })

  test('every program begins in an empty place', { timeout: 60_000 }, async () => {
    const look = { language: 'shell', code: 'ls -A /tmp /tmp/work; touch /tmp/left /tmp/work/left' } as const
    const [first, second] = [await run(look), await run(look)]
    expect(second.stdout).toBe(first.stdout)
  })

  test('programs run beside each other, not more than allowed', { timeout: 60_000 }, async () => {
    const two = await openSandbox({ parallel: 2 })
    const code = 'date +%s%N; sleep 0.5; date +%s%N'
    const runs = await Promise.all([1, 2, 3, 4].map(() => two.run({ language: 'shell', code })))
    const spans = runs.map(({ stdout }) => stdout.trim().split('\n').map(Number))
    const most = Math.max(...spans.map(([at]) => spans.filter(([from, to]) => from! <= at! && at! < to!).length))
    expect(most).toBe(2)
    await two.close()
  })

  test('an aborted program ends and rejects with the reason', { timeout: 60_000 }, async () => {
    const controller = new AbortController()
    const running = run({ language: 'shell', code: 'sleep 60', signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 300)
    await expect(running).rejects.toThrow('enough')
    await expect(run({ language: 'shell', code: ':', signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow('before')
  })

  test('a program can be ended at every moment of its beginning', { timeout: 120_000 }, async () => {
    for (const after of [0, 1, 2, 4, 8, 12, 16, 24, 32, 64]) {
      const started = performance.now()
      const running = run({ command: ['sleep', '50'], signal: AbortSignal.timeout(after) })
      await expect(running).rejects.toMatchObject({ name: 'TimeoutError' })
      expect(performance.now() - started).toBeLessThan(20_000)
    }
  })

  test('closing ends what runs, and nothing runs afterwards', { timeout: 60_000 }, async () => {
    const other = await openSandbox()
    const running = other.run({ language: 'shell', code: 'sleep 60' })
    setTimeout(() => other.close(), 300)
    await expect(running).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
    await expect(other.run({ language: 'shell', code: ':' })).rejects.toMatchObject({ code: 'SANDBOX_CLOSED' })
  })

  test('what cannot be is an error that names it', async () => {
    const code = (promise: Promise<unknown>) =>
      promise.then(
        () => 'none',
        (error) => (QtError.isInstance(error) ? error.code : error),
      )
    expect(await code(run({}))).toBe('SANDBOX_PROGRAM')
    expect(await code(run({ language: 'python' }))).toBe('SANDBOX_PROGRAM')
    for (const name of ['../x', '/etc/x', '.', 'a/../../x'])
      expect(await code(run({ language: 'shell', code: ':', files: { [name]: '' } }))).toBe('SANDBOX_FILE_NAME')
    expect(await code(run({ language: 'shell', code: ':', limits: { wallSeconds: -1 } }))).toBe('SANDBOX_LIMIT')
    expect(await code(run({ language: 'shell', code: 'x'.repeat(2e6), limits: { diskBytes: 1e6 } }))).toBe('SANDBOX_LIMIT')
    expect(await code(openSandbox({ parallel: 0 }))).toBe('SANDBOX_LIMIT')
  })
})

test('where no wall holds, nothing is run', async () => {
  const failing = async () => ({ exitCode: 1, ended: 'exited', stdout: 'it sees 90 processes', stderr: '', seconds: 0 }) as const
  await expect(chooseConfinement(undefined, failing)).rejects.toMatchObject({
    code: 'SANDBOX_UNAVAILABLE',
    message: expect.stringContaining('it sees 90 processes'),
  })
})
