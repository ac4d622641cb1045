import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type ChatMessage, parseConfig } from '@qt/core'
import { expect, test, vi } from 'vitest'
import { evaluateToolCalls, perplexity, perplexityOfChats, toolCallItems } from '../src/index.js'
import { tools } from './tools.js'

// A real engine on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const tiny = fileURLToPath(new URL('../../cli/test/fixtures/tiny.gguf', import.meta.url))
const addon = fileURLToPath(new URL('../../trainer-native/build/Release/qt_trainer.node', import.meta.url))
const there = existsSync(tiny) && existsSync(addon)
if (!there) console.log('skipped: measuring with the real engine (its native part or the model of the tests is missing)')

const chats = fileURLToPath(new URL('fixtures/chats.jsonl', import.meta.url))

const messages: ChatMessage[] = [
  { role: 'user', content: 'I listen.' },
  { role: 'assistant', content: 'Roll. [roll: perception]' },
  { role: 'user', content: 'I wait.' },
  { role: 'assistant', content: 'Nothing stirs.' },
]

test.runIf(there)('the engine is asked, answers the same each time, and is scored', async () => {
  const { load } = await import('@qt/trainer-native')
  const items = toolCallItems([{ messages }], tools)
  const runs = []
  for (let i = 0; i < 2; i++) {
    const model = await load(tiny, { threads: 1 })
    runs.push((await evaluateToolCalls(model, items, { tools, maxTokens: 12 })).toJSON())
    await model.close()
  }
  expect(runs[0]!.items).toHaveLength(2)
  expect(runs[0]!.items[0]!.answer).not.toBe('')
  expect(runs[0]).toEqual(runs[1])
})

test.runIf(there)('perplexity of what the assistant says is that of the tokens that training would learn from', async () => {
  const [{ load }, { prepareRows }] = [await import('@qt/trainer-native'), await import('@qt/data')]
  const model = await load(tiny, { threads: 1 })
  const config = parseConfig({ base: tiny, data: { path: chats, validation: 0 }, training: { sequenceLength: 128 } })
  const rows = await prepareRows(config, model.tokenizer)
  const spoken = await perplexityOfChats(model.scoring, rows.train)
  expect(spoken.tokens).toBe(rows.trainableTokens)
  const [whole] = [await perplexity(model.scoring, rows.train.row(0).ids.subarray(0, rows.train.row(0).documents[1]!))]
  expect(spoken.tokens).toBeLessThan(rows.tokens)
  // A model of random weights: about as lost as a uniform one.
  for (const { loss } of [spoken, whole]) expect(Math.abs(loss - Math.log(model.spec.vocabularySize))).toBeLessThan(1.5)
  await model.close()
})

test.runIf(there)('perplexity of conversations is what the validation of a training says', async () => {
  const [{ load, train }, { prepareRows }] = [await import('@qt/trainer-native'), await import('@qt/data')]
  const folder = await mkdtemp(join(tmpdir(), 'qt-eval-engine-'))
  // An adapter begins as nothing, and this learning rate leaves it there.
  const training = { steps: 1, learningRate: 1e-30, sequenceLength: 128, validateEvery: 1, precision: 'float32' } as const
  const data = { path: chats, validation: chats }
  try {
    let validated: { loss: number; perplexity: number } | undefined
    for await (const event of train({
      base: tiny,
      data,
      adapter: { rank: 1 },
      training,
      threads: 1,
      output: join(folder, 'run'),
    }))
      if (event.type === 'validation') validated = event
    const model = await load(tiny, { threads: 1 })
    const rows = await prepareRows(parseConfig({ base: tiny, data: { path: chats, validation: 0 }, training }), model.tokenizer)
    const measured = await perplexityOfChats(model.scoring, rows.train)
    expect(measured.loss).toBeCloseTo(validated!.loss, 4)
    expect(measured.perplexity / validated!.perplexity).toBeCloseTo(1, 3)
    await model.close()
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test.runIf(there)(
  'continuations of one context are scored as each whole text is, and greedy where they are the likeliest',
  async () => {
    const { load } = await import('@qt/trainer-native')
    const model = await load(tiny, { threads: 1 })
    const { scoring, tokenizer } = model
    const context = tokenizer.encode('I search the altar and')
    const next = await scoring.distributions(context)
    const last = next.subarray(-scoring.vocabularySize)
    const likeliest = last.indexOf(Math.max(...last))
    const group = [tokenizer.encode(' find a key.'), Uint32Array.of(likeliest), tokenizer.encode(' nothing')]
    const scored = await scoring.continuations!(context, group)
    for (const [i, continuation] of group.entries()) {
      const whole = (await scoring.score([...context, ...continuation])).subarray(context.length)
      expect(scored[i]!.logs).toHaveLength(continuation.length)
      for (const [at, log] of scored[i]!.logs.entries()) expect(log).toBeCloseTo(whole[at]!, 4)
    }
    expect(scored.map(({ greedy }) => greedy)).toEqual([false, true, false])
    await model.close()
  },
)
