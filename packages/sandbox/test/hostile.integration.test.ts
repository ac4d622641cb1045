import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSandbox, type Sandbox } from '../src/index.js'
import { type Host, openHost } from './host.js'
import { files } from './hostile/files.js'
import type { Hostile } from './hostile/hostile.js'
import { kernel } from './hostile/kernel.js'
import { processes } from './hostile/processes.js'
import { resources } from './hostile/resources.js'

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

const open = async (mechanism: 'bubblewrap' | 'namespaces'): Promise<Sandbox | undefined> => {
  try {
    return await openSandbox({ mechanism, limits, parallel: 3 })
  } catch (error) {
    console.log(`Hostile programs are not run in ${mechanism}: ${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

for (const mechanism of ['bubblewrap', 'namespaces'] as const) {
  const sandbox = await open(mechanism)
  describe.skipIf(!sandbox)(`in ${mechanism}`, () => {
    const own = programs.filter(({ needs }) => needs === undefined || sandbox?.mechanism.seccomp)
    test.concurrent.each(own)(
      '$name',
      { timeout: 240_000 },
      async ({ name, ended = ['exited'], finishes = true, ...program }) => {
        const { args, files, stdin, language, code, command, limits } = program
        const given = Object.fromEntries(
          Object.entries({ args, files, stdin, language, code, command, limits }).filter(([, value]) => value !== undefined),
        )
        const execution = await sandbox!.run({ ...given, env: host.env })
        expect(execution.stdout, name).not.toContain('ESCAPED')
        expect(ended, `${execution.stdout}${execution.stderr}`).toContain(execution.ended)
        if (finishes) expect(execution.stdout, execution.stderr).toContain('finished')
      },
    )

    test('the host is as it was', () => expect(host.state()).toEqual(before))
  })
}

describe('where there are no walls', () => {
  const real = programs.filter(({ real }) => real)
  test.concurrent.each(real)('$name gets through', { timeout: 120_000 }, async ({ language, code }) => {
    const none = await openSandbox({ mechanism: 'none', limits })
    const { stdout, stderr } = await none.run({ ...(language ? { language } : {}), ...(code ? { code } : {}), env: host.env })
    expect(stdout, stderr).toContain('ESCAPED')
  })

  test('the host is as it was', () => expect(host.state()).toEqual(before))
})
