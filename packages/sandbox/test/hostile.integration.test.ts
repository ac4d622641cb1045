import type { Execution, Program } from '@qt/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openSandbox, type Sandbox } from '../src/index.js'
import { type Host, openHost } from './host.js'
import { files } from './hostile/files.js'
import type { Hostile } from './hostile/hostile.js'
import { kernel } from './hostile/kernel.js'
import { processes } from './hostile/processes.js'
import { resources } from './hostile/resources.js'
import { boxes } from './processes-of.js'

const programs: readonly Hostile[] = [...resources, ...files, ...processes, ...kernel]
const mebibyte = 2 ** 20
const limits = {
  wallSeconds: 60,
  cpuSeconds: 30,
  memoryBytes: 256 * mebibyte,
  diskBytes: 64 * mebibyte,
  fileBytes: 32 * mebibyte,
  outputBytes: mebibyte,
}
let host: Host
let before: unknown

beforeAll(async () => {
  host = await openHost()
  before = host.state()
})
afterAll(() => host.close())

const open = async (mechanism: 'bubblewrap' | 'namespaces', parallel: number): Promise<Sandbox | undefined> => {
  try {
    return await openSandbox({ mechanism, limits, parallel })
  } catch (error) {
    console.log(`Hostile programs are not run in ${mechanism}: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

const asProgram = ({ args, files, stdin, language, code, command, limits }: Hostile): Program => ({
  ...Object.fromEntries(
    Object.entries({ args, files, stdin, language, code, command, limits }).filter(([, value]) => value !== undefined),
  ),
  env: host.env,
})

function expectContained({ name, ended = ['exited'], finishes }: Hostile, execution: Execution): void {
  expect(execution.stdout, name).not.toContain('ESCAPED')
  expect(ended, `${execution.stdout}${execution.stderr}`).toContain(execution.ended)
  if (finishes !== false) expect(execution.stdout, execution.stderr).toContain('finished')
}

test('there are forty programs and more, each of its own name', () => {
  expect(new Set(programs.map(({ name }) => name)).size).toBe(programs.length)
  expect(programs.length).toBeGreaterThanOrEqual(40)
})

const warm = await open('bubblewrap', 1)
describe.skipIf(!warm)('in bubblewrap, within walls that were put up ahead', () => {
  const harmless = { python: 'pass', javascript: '', typescript: '', shell: ':' } as const
  const own = programs.filter(({ files, stdin, needs }) => !files && stdin === undefined && (!needs || warm?.mechanism.seccomp))

  test.each(own)('$name', { timeout: 240_000 }, async (hostile) => {
    const program = asProgram(hostile)
    // Two of its kind, and walls wait for the third.
    for (let i = 0; i < 2; i++) await warm!.run({ ...program, code: harmless[program.language!] })
    await vi.waitFor(() => expect(boxes()).toBe(1), { timeout: 60_000 })
    expectContained(hostile, await warm!.run(program))
  })

  afterAll(() => warm?.close())
  test('the host is as it was', () => expect(host.state()).toEqual(before))
})

for (const mechanism of ['bubblewrap', 'namespaces'] as const) {
  const sandbox = await open(mechanism, 3)
  describe.skipIf(!sandbox)(`in ${mechanism}`, () => {
    const own = programs.filter(({ needs }) => needs === undefined || sandbox?.mechanism.seccomp)
    test.concurrent.each(own)('$name', { timeout: 240_000 }, async (hostile) =>
      expectContained(hostile, await sandbox!.run(asProgram(hostile))),
    )

    afterAll(() => sandbox?.close())
    test('the host is as it was', () => expect(host.state()).toEqual(before))
  })
}

describe('where there are no walls', () => {
  const real = programs.filter(({ real }) => real)
  test.concurrent.each(real)('$name gets through', { timeout: 120_000 }, async (hostile) => {
    const none = await openSandbox({ mechanism: 'none', limits })
    const { stdout, stderr } = await none.run(asProgram(hostile))
    expect(stdout, stderr).toContain('ESCAPED')
  })

  test('the host is as it was', () => expect(host.state()).toEqual(before))

  test('what is compared shows the harm that programs do', { timeout: 120_000 }, async () => {
    const none = await openSandbox({ mechanism: 'none', limits })
    const harms = {
      file: 'echo gone >"$HOST_FILE"',
      folder: 'rm "$HOST_FILE" && touch "$HOST_FILE.mine" && echo "host secret" >"$HOST_FILE"',
      left: 'setsid sleep 5 >/dev/null 2>&1 3>&- &',
      canary: 'kill -9 "$HOST_PID"',
    }
    for (const [what, code] of Object.entries(harms)) {
      const victim = await openHost()
      try {
        const was = victim.state()
        const { stderr } = await none.run({ language: 'shell', code, env: victim.env })
        await vi.waitFor(() => expect(victim.state(), stderr).not.toMatchObject({ [what]: was[what] }))
      } finally {
        await victim.close()
      }
    }
  })
})
