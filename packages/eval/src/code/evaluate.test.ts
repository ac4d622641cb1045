import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LanguageModel, usageError } from '@qt/core'
import { expect, test } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { nowhere, wordTask } from '../../test/word-task.js'
import { evaluateCode } from './evaluate.js'
import type { CodeTask } from './task.js'

test('passes are counted by problem, and the report says who said what', async () => {
  let turn = 0
  const model = scriptedModel(() => (turn++ % 2 === 0 ? ' a ' : 'b'))
  const report = await evaluateCode(model, [wordTask('a'), wordTask('b'), wordTask('c')], {
    executor: nowhere,
    samples: 2,
    k: [1, 2],
  })
  expect(report.suites).toMatchObject([
    {
      suite: 'words',
      problems: 3,
      passAtK: [
        { k: 1, value: 1 / 3 },
        { k: 2, value: 2 / 3 },
      ],
      solved: { count: 2, of: 3 },
      cut: 0,
    },
  ])
  expect(report.suites[0]!.score).toBeCloseTo((2 + 4 * 0.25) / 6)
  expect(report.items[0]!.samples.map(({ answer, passed }) => [answer, passed])).toEqual([
    [' a ', true],
    ['b', false],
  ])
  expect(report).toMatchObject({ style: 'instruct', samples: 2, temperature: 0.8 })
  expect(JSON.parse(JSON.stringify(report)).items).toHaveLength(3)
})

test('every sample has a seed of its own, and one sample is greedy', async () => {
  const asked: unknown[] = []
  const model: LanguageModel = {
    ...scriptedModel(() => 'a'),
    generate: async (_, { seed, temperature } = {}) => {
      asked.push([seed, temperature])
      return { text: 'a', tokens: 1, why: 'end' }
    },
  }
  await evaluateCode(model, [wordTask('a'), wordTask('b')], { executor: nowhere, samples: 2, seed: 7 })
  await evaluateCode(model, [wordTask('a')], { executor: nowhere })
  expect(asked).toEqual([
    [7, 0.8],
    [8, 0.8],
    [9, 0.8],
    [10, 0.8],
    [0, 0],
  ])
})

test('an evaluation that was stopped goes on where it was', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-code-'))
  try {
    const cache = join(folder, 'answers.jsonl')
    const model = scriptedModel(() => 'a')
    const tasks = [wordTask('a'), wordTask('b')]
    const first = await evaluateCode(model, tasks, { executor: nowhere, cache, modelId: 'm' })
    const again = await evaluateCode(model, tasks, { executor: nowhere, cache, modelId: 'm' })
    expect(model.asked).toHaveLength(2)
    expect(again.suites).toEqual(first.suites)
    expect((await readFile(cache, 'utf8')).trim().split('\n')).toHaveLength(2)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('what cannot be is said before the first answer', async () => {
  const model = scriptedModel(() => 'a')
  const evaluate = (tasks: CodeTask[], more: object) => evaluateCode(model, tasks, { executor: nowhere, ...more })
  await expect(evaluate([], {})).rejects.toMatchObject({ code: 'EVAL_NO_ITEMS' })
  for (const more of [{ samples: 0 }, { samples: 2, k: [3] }, { samples: 1.5 }, { k: [0] }])
    await expect(evaluate([wordTask('a')], more)).rejects.toMatchObject({ code: 'EVAL_SAMPLES' })
  expect(model.asked).toEqual([])
})

test('an executor that fails is no wrong answer, and what still runs is ended', async () => {
  const model = scriptedModel(() => 'a')
  let ended = 0
  const slow: CodeTask = {
    ...wordTask('a'),
    verify: (_, { signal }) =>
      new Promise((_, reject) =>
        signal!.addEventListener('abort', () => {
          ended++
          reject(signal!.reason)
        }),
      ),
  }
  const broken = { ...wordTask('a'), verify: () => Promise.reject(new Error('no sandbox')) }
  await expect(evaluateCode(model, [slow, slow, broken], { executor: nowhere })).rejects.toThrow('no sandbox')
  expect(ended).toBe(2)
  const failing = { ...model, generate: () => Promise.reject(new Error('no model')) }
  await expect(evaluateCode(failing, [wordTask('a')], { executor: nowhere })).rejects.toThrow('no model')
  const onProgress = () => {
    throw new Error('no bar')
  }
  await expect(evaluateCode(model, [wordTask('a'), slow], { executor: nowhere, onProgress })).rejects.toThrow('no bar')
})

test('a problem that is longer than the context of the model is not solved', async () => {
  const model = scriptedModel(({ content }) => {
    if (content.includes('long')) throw usageError('PROMPT_TOO_LONG', 'The prompt has 9 tokens, the context holds 8.')
    return 'a'
  })
  const report = await evaluateCode(model, [wordTask('long'), wordTask('a')], { executor: nowhere })
  expect(report.items.flatMap(({ samples }) => samples.map(({ passed, detail }) => [passed, detail]))).toEqual([
    [false, 'The prompt has 9 tokens, the context holds 8.'],
    [true, 'a'],
  ])
})
