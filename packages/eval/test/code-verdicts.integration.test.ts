import { openSandbox } from '@qt/sandbox'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { runCode } from '../src/code/run-code.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const sandbox = await openSandbox({ limits: { wallSeconds: 60 } }).catch((error: Error) => {
  console.log(`skipped: what passes and why not (${error.message})`)
  return undefined
})
afterAll(() => sandbox?.close())

describe.skipIf(!sandbox)('a program passes when it reaches its end', () => {
  const verdict = async (language: 'python' | 'javascript', code: string, wallSeconds = 60) => {
    const { passed, detail } = await runCode(code, language, { executor: sandbox!, wallSeconds })
    return [passed, detail]
  }

  test.each([
    ['python', 'print("no end of line", end="")'],
    ['javascript', "process.stdout.write('no end of line'); assert.equal(require('node:path').sep, '/')"],
  ] as const)('in %s: %s', async (language, code) => expect(await verdict(language, code)).toEqual([true, '']))

  test.each([
    ['python', 'print(open(__file__).read(), flush=True); raise SystemExit(0)'],
    ['javascript', "console.log(require('node:fs').readFileSync('main.mjs', 'utf8')); process.exit(0)"],
  ] as const)('one that shows its own text and leaves does not, in %s', async (language, code) =>
    expect(await verdict(language, code)).toEqual([false, 'It ended before its tests did.']),
  )

  test('what went wrong is said in its own words', async () => {
    expect(await verdict('python', 'assert 1 == 2, "one is not two"')).toEqual([
      false,
      'AssertionError: one is not two (exit code 1)',
    ])
    expect(await verdict('javascript', 'missing()')).toEqual([false, 'ReferenceError: missing is not defined (exit code 1)'])
    expect(await verdict('python', 'import time; time.sleep(60)', 2)).toEqual([false, 'It went over the limit: wall.'])
  })
})
