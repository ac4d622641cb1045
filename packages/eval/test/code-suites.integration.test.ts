import { openSandbox } from '@qt/sandbox'
import { afterAll, describe, expect, test } from 'vitest'
import { codeSuite, codeSuites } from '../src/index.js'

const sandbox = await openSandbox({ limits: { wallSeconds: 60 } }).catch((error: Error) => {
  console.log(`skipped: problems and their solutions (${error.message})`)
  return undefined
})
afterAll(() => sandbox?.close())

const suites = await Promise.all(codeSuites.map(async (suite) => ({ suite, tasks: await codeSuite(suite) })))

test('there are sixty problems over five suites, of three languages each', () => {
  expect(suites.flatMap(({ tasks }) => tasks).length).toBeGreaterThanOrEqual(60)
  const ids = suites.flatMap(({ tasks }) => tasks.map(({ id }) => id))
  expect(new Set(ids).size).toBe(ids.length)
  for (const { tasks } of suites)
    expect(new Set(tasks.map(({ language }) => language))).toEqual(new Set(['python', 'javascript', 'typescript']))
})

describe.skipIf(!sandbox).each(suites)('$suite', ({ tasks }) => {
  test.concurrent.each(tasks)('$id: the reference passes, wrong ones fail', { timeout: 600_000 }, async (task) => {
    const options = { executor: sandbox!, wallSeconds: 60 }
    expect(await task.verify(task.reference, options)).toEqual({ passed: true, score: 1, detail: '' })
    for (const wrong of task.wrong) {
      const verdict = await task.verify(wrong, options)
      expect(verdict.passed, wrong).toBe(false)
      expect(verdict.score).toBeLessThan(1)
      expect(verdict.detail, wrong).not.toBe('')
    }
    expect((await task.verify('', options)).passed).toBe(false)
  })
})
