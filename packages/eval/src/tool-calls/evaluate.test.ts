import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ChatMessage, usageError } from '@qt/core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { scriptedModel } from '../../test/scripted-model.js'
import { tools } from '../../test/tools.js'
import { evaluateToolCalls } from './evaluate.js'
import { toolCallItems } from './items.js'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-eval-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const turns: readonly (readonly [asked: string, reference: string, answer: string])[] = [
  ['I listen.', '[roll: perception]', 'You try. [Roll: Perception]'],
  ['I sneak.', '[roll: stealth]', '[roll: perception]'],
  ['I look.', '[roll: perception]', 'You see nothing.'],
  ['I hit her.', '[health: Mira, -4]', '[wound: Mira, -4]'],
  ['I draw.', '[begin combat]', '[roll: initiative]'],
  ['I sleep.', 'The night passes.', 'The night passes.'],
  ['I wait.', 'Nothing comes.', '[roll: patience] [summon: imp]'],
]
const items = toolCallItems(
  turns.map(([asked, reference], i) => ({
    id: String(i),
    messages: [
      { role: 'user', content: asked },
      { role: 'assistant', content: reference },
    ],
  })),
  tools,
)
const answers = ({ content }: ChatMessage) => turns.find(([asked]) => asked === content)![2]

test('the totals are those of a count by hand', async () => {
  const report = await evaluateToolCalls(scriptedModel(answers), items, { tools })
  expect(report.items.map(({ score }) => score.verdict)).toEqual([
    ...['right', 'wrong arguments', 'missing', 'unknown tool', 'wrong tool', 'right', 'unknown tool'],
  ])
  const counts = (share: { count: number; of: number }) => [share.count, share.of]
  expect(counts(report.accuracy.all)).toEqual([2, 7])
  expect(counts(report.accuracy.needed)).toEqual([1, 5])
  expect(counts(report.accuracy.notNeeded)).toEqual([1, 2])
  expect(Object.values(report.funnel).map(counts)).toEqual([
    [4, 5],
    [3, 5],
    [2, 5],
    [1, 5],
  ])
  // [wound: …] and [summon: …] of six calls.
  expect(counts(report.invented)).toEqual([2, 6])
  expect(report.baselines.commonestCall.call).toEqual({ name: 'roll', arguments: ['perception'] })
  expect(counts(report.baselines.commonestCall.accuracy.all)).toEqual([2, 7])
  expect(counts(report.baselines.commonestCall.accuracy.needed)).toEqual([2, 5])
  expect(counts(report.baselines.neverCall.accuracy.all)).toEqual([2, 7])
  expect(counts(report.baselines.neverCall.accuracy.needed)).toEqual([0, 5])
  expect(report.byTool.slice(0, 3)).toEqual([
    { tool: 'roll', expected: 3, called: 2, right: 1, made: 4 },
    { tool: 'begin combat', expected: 1, called: 0, right: 0, made: 0 },
    { tool: 'health', expected: 1, called: 0, right: 0, made: 0 },
  ])
  expect(report.confusion.map(({ expected, actual, count }) => `${expected} → ${actual}: ${count}`)).toEqual([
    'begin combat → roll: 1',
    'health → wound: 1',
    'none → none: 1',
    'none → roll: 1',
    'none → summon: 1',
    'roll → roll: 2',
    'roll → none: 1',
  ])
})

test('the report is plain data for programs', async () => {
  const report = await evaluateToolCalls(scriptedModel(answers), items, { tools })
  const read = JSON.parse(JSON.stringify(report))
  expect(read).toMatchObject({ model: 'scripted', maxTokens: 160, accuracy: { needed: { count: 1, of: 5 } } })
  expect(read.items).toHaveLength(7)
})

test('an evaluation that was stopped goes on from its cache and ends the same', async () => {
  const cache = join(folder, 'deep', 'answers.jsonl')
  const whole = await evaluateToolCalls(scriptedModel(answers), items, { tools })
  const stop = new AbortController()
  const first = scriptedModel(answers)
  const options = { tools, cache, modelId: 'm' }
  const stopped = evaluateToolCalls(first, items, {
    ...options,
    signal: stop.signal,
    onProgress: ({ done }) => done === 3 && stop.abort(),
  })
  await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
  // A crash in the middle of a write.
  await writeFile(cache, (await readFile(cache, 'utf8')).slice(0, -20))
  const second = scriptedModel(answers)
  const resumed = await evaluateToolCalls(second, items, options)
  expect([first.asked.length, second.asked.length]).toEqual([3, 5])
  expect(resumed.toJSON()).toEqual(whole.toJSON())
  const third = scriptedModel(answers)
  expect((await evaluateToolCalls(third, items, options)).toJSON()).toEqual(whole.toJSON())
  expect(third.asked).toEqual([])
})

test('another model, or another length, is asked anew', async () => {
  const cache = join(folder, 'two.jsonl')
  await evaluateToolCalls(scriptedModel(answers), items, { tools, cache, modelId: 'a' })
  const other = scriptedModel(() => 'Hm.')
  const report = await evaluateToolCalls(other, items, { tools, cache, modelId: 'b' })
  expect([other.asked.length, report.accuracy.needed.count]).toEqual([7, 0])
  const longer = scriptedModel(answers)
  await evaluateToolCalls(longer, items, { tools, cache, modelId: 'a', maxTokens: 10 })
  expect(longer.asked).toHaveLength(7)
})

test('where the context is too long the oldest turns are left out, and it says so', async () => {
  const say = (role: ChatMessage['role'], content: string): ChatMessage => ({ role, content })
  const messages = [
    say('system', 'A cave.'),
    ...[say('user', 'One.'), say('assistant', 'Yes.'), say('tool', 'x: 1 = 1'), say('assistant', 'Go on.')],
    ...[say('user', 'Two.'), say('assistant', '[roll: stealth]')],
  ]
  const narrow = (most: number) => {
    const model = scriptedModel(() => '[roll: stealth]')
    const generate: typeof model.generate = async (prompt, options) => {
      if (prompt.length > most) throw usageError('PROMPT_TOO_LONG', 'Too long.')
      return model.generate(prompt, options)
    }
    return { ...model, generate }
  }
  const last = toolCallItems([{ messages }], tools).slice(-1)
  const two = narrow(2)
  const report = await evaluateToolCalls(two, last, { tools })
  expect(report.items[0]).toMatchObject({ dropped: 4, score: { right: true } })
  expect(two.asked).toEqual([[messages[0], messages[5]]])
  await expect(evaluateToolCalls(narrow(1), last, { tools })).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
})

test('says how far it is, and refuses to measure nothing', async () => {
  const seen: string[] = []
  await evaluateToolCalls(scriptedModel(answers), items, {
    tools,
    onProgress: ({ done, total, right }) => seen.push(`${right} of ${done}/${total}`),
  })
  expect([seen[0], seen.at(-1)]).toEqual(['1 of 1/7', '2 of 7/7'])
  await expect(evaluateToolCalls(scriptedModel(answers), [], { tools })).rejects.toMatchObject({ code: 'EVAL_NO_ITEMS' })
})
