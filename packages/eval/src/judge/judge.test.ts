import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { cachedModel } from '../run/cached-model.js'
import type { Price } from '../run/metered-model.js'
import { type RunSuitesOptions, runSuites } from '../run/run-suites.js'
import { agreement, judgeAnswer, judgePair, readPreference, readScore } from './judge.js'
import { judgeSuite } from './judge-suite.js'
import { loadRubric } from './rubric.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const rubric = await loadRubric('quality')
const conversation = [{ role: 'user' as const, content: 'I look around.' }]

test.each([
  ['It is fine.\nScore: 4', 4],
  ['**Score:** 3.5', 3.5],
  ['Score: 2, or rather\nScore: 3', 3],
  ['Good.\n5', 5],
  ['Score (1-5): 4', 4],
  ['Score: 4/5', 4],
  ['Score: -1', -1],
  ['I give it a lot.', undefined],
])('a score is read from %j', (text, score) => expect(readScore(text)).toBe(score))

test.each([
  ['B is dull.\nBetter: A', 'a'],
  ['better: **B**', 'b'],
  ['Better: equal', 'equal'],
  ['Both are fine.', undefined],
])('a preference is read from %j', (text, preference) => expect(readPreference(text)).toBe(preference))

test('every criterion is asked with its scale, and scores outside of it count as none', async () => {
  const judge = scriptedModel(({ content }) => (content.includes('concrete') ? 'Vivid. Score: 9' : 'Fine. Score: 4'))
  const scores = await judgeAnswer(judge, rubric, { conversation, answer: 'A crypt.' })
  expect(scores.map(({ criterion, score, share }) => [criterion, score, share])).toEqual([
    ['relevant', 4, 0.75],
    ['vivid', undefined, undefined],
    ['fair', 4, 0.75],
  ])
  expect(JSON.stringify(judge.asked[0])).toContain('5: responds to all of it')
})

test('a judge that prefers a place has no preference; one that prefers an answer has', async () => {
  const place = await judgePair(
    scriptedModel(() => 'Better: A'),
    rubric,
    { conversation, a: 'x', b: 'y' },
  )
  expect(place).toMatchObject({ preference: 'equal', first: 'a', swapped: 'b', consistent: false })
  const fond = scriptedModel(({ content }) => (/Answer A:\s+crypt/.test(content) ? 'Better: A' : 'Better: B'))
  expect(await judgePair(fond, rubric, { conversation, a: 'bones', b: 'crypt' })).toMatchObject({
    preference: 'b',
    consistent: true,
  })
})

test('agreement of several judges', () => {
  expect(
    agreement([
      ['a', 'b', 'a'],
      ['a', 'b', 'b'],
    ]),
  ).toMatchObject({ share: 2 / 3, correlation: undefined })
  expect(
    agreement([
      [5, 3, 1],
      [4, 3, 1],
    ]).correlation,
  ).toBe(1)
  expect(
    agreement([
      [1, 2, 3, 1],
      [1, 2, 3, 1],
      [1, 2, 3, 1],
    ]),
  ).toMatchObject({ share: 1, kappa: 1 })
})

test('judges are a suite, and what they said is kept', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-judge-'))
  const mild = scriptedModel(() => 'Score: 5', 'mild')
  const strict = scriptedModel(() => 'Score: 3', 'strict')
  const file = join(folder, 'judge.jsonl')
  const judges = async () => [
    await cachedModel(mild, { file, modelId: 'mild' }),
    await cachedModel(strict, { file, modelId: 'strict' }),
  ]
  const items = [{ id: '1', context: conversation }]
  const run = async () =>
    runSuites(
      scriptedModel(() => 'A crypt.'),
      [judgeSuite(items, { rubric, judges: await judges() })],
    )
  const [first, second] = [await run(), await run()]
  const [overall, ...rest] = first.suites[0]!.metrics
  expect([overall!.name, overall!.value, rest.at(-1)!.name, rest.at(-1)!.value]).toEqual(['overall', 0.75, 'agreement', 0])
  expect(second.suites[0]!.metrics).toEqual(first.suites[0]!.metrics)
  expect([mild.asked.length, strict.asked.length]).toEqual([3, 3])
  await rm(folder, { recursive: true })
})

test('what judges use counts in the limits, and what they said before does not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'qt-judge-'))
  const [model, judge] = [scriptedModel(() => 'A crypt.', 'model'), scriptedModel(() => 'Score: 5', 'judge')]
  const items = Array.from({ length: 4 }, (_, i) => ({
    id: String(i),
    context: [{ ...conversation[0]!, content: `I look ${i}.` }],
  }))
  const run = async (options: RunSuitesOptions, price?: Price) => {
    const judges = [await cachedModel(judge, { file: join(folder, 'judge.jsonl'), modelId: 'judge' })]
    return runSuites(model, [judgeSuite(items, { rubric, judges, ...(price ? { price } : {}) })], options)
  }
  // An item is an answer and three criteria.
  const each = (await run({ limits: { tokens: 1 } })).tokens
  const judged = 3 * 'Score: 5'.length
  const first = await run({ limits: { tokens: each + 1 } })
  expect(first).toMatchObject({ tokens: 2 * each, judgeTokens: judged, stopped: `the limit of ${each + 1} tokens` })
  expect(first.suites[0]!.items).toHaveLength(2)
  // The first two are remembered by now and cost nothing.
  const priced = await run({ limits: { cost: 1 } }, { input: 0, output: 1e6 / judged })
  expect([priced.suites[0]!.items.length, priced.judgeTokens, priced.cost]).toEqual([3, judged, 1])
  await expect(run({ limits: { cost: 1 } })).rejects.toMatchObject({ code: 'EVAL_LIMIT_INVALID' })
  await rm(folder, { recursive: true })
})

test('a rubric that is wrong is refused by name', async () => {
  await expect(loadRubric('./nowhere.yaml')).rejects.toMatchObject({ code: 'EVAL_RUBRIC_INVALID' })
  for (const name of ['relevancy', 'faithfulness']) expect((await loadRubric(name)).criteria).toHaveLength(1)
})
