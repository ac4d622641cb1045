import { type LanguageModel, usageError } from '@qt/core'
import { expect, test } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { nowhere, wordTask } from '../../test/word-task.js'
import { compareRuns } from '../compare/compare.js'
import { runSuites } from '../run/run-suites.js'
import { suiteOfCode } from './suite-of-code.js'

const tasks = ['a', 'b', 'c'].map(wordTask)

test('one sample of each problem is a share of right ones', async () => {
  const { suites } = await runSuites(
    scriptedModel(() => 'b'),
    [suiteOfCode('words', tasks, { executor: nowhere })],
  )
  expect(suites[0]).toMatchObject({
    name: 'words',
    metrics: [{ name: 'pass@1', value: 1 / 3, share: true, items: 3 }],
    items: [
      { id: 'words/a', right: false, prompt: 'user: Say a.', output: 'b', expected: 'a', explanation: 'b' },
      { id: 'words/b', right: true, explanation: 'It passed.' },
      { id: 'words/c', right: false },
    ],
  })
  expect(suites[0]!.metrics).toHaveLength(1)
})

test('of several samples pass@k is the unbiased estimate, with seeds of their own, and grades are averaged', async () => {
  const seeds: unknown[] = []
  const model: LanguageModel = {
    ...scriptedModel(() => ''),
    generate: async (_, { seed, temperature } = {}) => {
      seeds.push([seed, temperature])
      return { text: Number(seed) % 4 === 3 ? 'a' : 'no', tokens: 2, why: 'length' }
    },
  }
  const suite = suiteOfCode('words', tasks.slice(0, 1), { executor: nowhere, samples: 4, k: [1, 2], graded: true })
  const { suites, tokens } = await runSuites(model, [suite], { seed: 3 })
  expect(seeds).toEqual([3, 4, 5, 6].map((seed) => [seed, 0.8]))
  expect(tokens).toBe(8)
  const [item] = suites[0]!.items
  // One of four passed: 1 − C(3, 2) / C(4, 2) of two.
  expect(item!.scores).toEqual({ 'pass@1': [0.25, 1], 'pass@2': [0.5, 1], score: [(1 + 3 * 0.25) / 4, 1] })
  expect(item!.output).toContain('[1] passed\na\n\n[2] failed\nno')
  expect(item!.explanation).toContain('It passed. The answer was cut.')
})

test('a problem that is too long for the model is not solved, any other error ends the run', async () => {
  const failing = (code: string): LanguageModel => ({
    ...scriptedModel(() => ''),
    generate: () => Promise.reject(usageError(code, 'It cannot be asked.', { actions: ['Ask another one.'] })),
  })
  const suite = suiteOfCode('words', tasks, { executor: nowhere })
  const { suites } = await runSuites(failing('PROMPT_TOO_LONG'), [suite])
  expect(suites[0]!.metrics[0]).toMatchObject({ value: 0, items: 3 })
  await expect(runSuites(failing('MODEL_CLOSED'), [suite])).rejects.toMatchObject({ code: 'MODEL_CLOSED' })
})

test('two models are compared problem by problem', async () => {
  const many = Array.from({ length: 12 }, (_, i) => wordTask(`w${i}`))
  const suite = suiteOfCode('words', many, { executor: nowhere })
  const base = await runSuites(
    scriptedModel(() => 'no'),
    [suite],
  )
  const tuned = await runSuites(
    scriptedModel(({ content }) => content.slice(4, -1)),
    [suite],
  )
  expect(compareRuns(base, tuned)).toMatchObject({ verdict: 'better' })
  expect(compareRuns(tuned, base)).toMatchObject({ verdict: 'worse' })
})

test('how often cannot be asked is said at once', () => {
  expect(() => suiteOfCode('words', tasks, { executor: nowhere, samples: 0 })).toThrowError(/0 samples/)
  expect(() => suiteOfCode('words', tasks, { executor: nowhere, samples: 2, k: [5] })).toThrowError()
})
