import { fileURLToPath } from 'node:url'
import type { GeneratedToken } from '@qt/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { fixture } from '../../test/support.js'
import { load } from './load.js'
import type { NativeModel } from './native-model.js'

const folder = fileURLToPath(new URL('../../../weights/test/fixtures/tiny-llama', import.meta.url))
const greedy = { temperature: 0, maxTokens: 12 }
let model: NativeModel
beforeAll(async () => {
  model = await load(folder, { contextLength: 64, threads: 1 })
})
afterAll(() => model.close())

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}

test('the pieces of a stream are the text of generate', async () => {
  const { text, tokens, why } = await model.generate('the cat', greedy)
  expect([tokens, why]).toEqual([12, 'length'])
  expect(await textOf(model.stream('the cat', greedy))).toBe(text)
})

test('what is kept from the prompt before changes no answer', async () => {
  const fresh = await load(folder, { contextLength: 64, threads: 1 })
  try {
    const expected = await fresh.generate('the cat sat on', greedy)
    await model.generate('the cat and the hat', greedy)
    expect(await model.generate('the cat sat on', greedy)).toEqual(expected)
    expect(await model.generate('the cat sat on', greedy)).toEqual(expected)
  } finally {
    await fresh.close()
  }
})

test('requests that come together wait for each other', async () => {
  const prompts = ['the cat', 'the hat', 'on the mat']
  const alone: string[] = []
  for (const prompt of prompts) alone.push((await model.generate(prompt, greedy)).text)
  const together = await Promise.all(prompts.map((prompt) => model.generate(prompt, greedy)))
  expect(together.map(({ text }) => text)).toEqual(alone)
})

test('a stop string ends the answer before it', async () => {
  const { text } = await model.generate('the cat', greedy)
  const stop = text.slice(4, 7)
  expect(await model.generate('the cat', { ...greedy, stop: [stop] })).toMatchObject({
    text: text.slice(0, text.indexOf(stop)),
    why: 'stop',
  })
})

test('leaving a stream early lets the next request in', async () => {
  for await (const _ of model.stream('the cat', { ...greedy, maxTokens: 40 })) break
  expect((await model.generate('the cat', greedy)).tokens).toBe(12)
})

test('an answer ends where the context does', async () => {
  const { tokens, why } = await model.generate('the cat', { temperature: 0, maxTokens: 1000 })
  expect(why).toBe('length')
  expect(tokens + model.encode('the cat').length).toBeGreaterThanOrEqual(64)
})

describe('scoring', () => {
  const groups = [
    ['read in one pass', [[' sat'], [' and the hat', ' sat', ' in the hat and the cat', '']]],
    // More tokens than are read together, so each goes into the cache by itself.
    ['read one by one', [Array.from({ length: 140 }, () => ' in the hat'), [' and the hat', ' in the hat and the cat']]],
  ] as const
  test.each(groups)('continuations that are %s are scored as each whole text is', async (_, lists) => {
    const context = model.encode('the cat')
    for (const group of lists) {
      const followed = group.map((text) => (text === '' ? [] : [...model.encode(text)]))
      const scored = await model.scoring.continuations!(context, followed)
      for (const [i, ids] of followed.entries()) {
        const whole = ids.length === 0 ? [] : (await model.scoring.score([...context, ...ids])).subarray(context.length)
        expect(scored[i]!.logs).toHaveLength(ids.length)
        for (const [at, log] of scored[i]!.logs.entries()) expect(log).toBeCloseTo(whole[at]!, 4)
      }
    }
  })

  test('the likeliest continuation is greedy, and a full context is refused in one pass, too', async () => {
    const context = model.encode('the cat')
    const likeliest = async (ids: readonly number[]) => {
      const last = (await model.scoring.distributions(ids)).subarray(-model.scoring.vocabularySize)
      return last.indexOf(Math.max(...last))
    }
    const told: number[] = []
    for (let i = 0; i < 3; i++) told.push(await likeliest([...context, ...told]))
    const other = [...told.slice(0, 2), (told[2]! + 1) % model.scoring.vocabularySize]
    const scored = await model.scoring.continuations!(context, [told, other])
    expect(scored.map(({ greedy }) => greedy)).toEqual([true, false])
    await expect(model.scoring.continuations!(context, [Array.from({ length: 64 }, () => 1)])).rejects.toThrow()
    // What was begun before the bad id leaves nothing behind.
    const unknown = model.scoring.vocabularySize
    await expect(model.scoring.continuations!(context, [told, [unknown, 0]])).rejects.toThrow(/vocabulary/)
    expect(await model.scoring.continuations!(context, [told, other])).toEqual(scored)
  })

  test('what is asked at the same time is the same bytes, and one bad question or one that is taken back hurts no other', async () => {
    const texts = ['the cat', 'the hat in the cat', 'sat', 'the cat and the hat']
    const followed = [' sat', ' and the hat', ' in the hat'].map((text) => [...model.encode(text)])
    const ask = (text: string, signal?: AbortSignal) =>
      model.scoring.continuations!(model.encode(text), followed, signal ? { signal } : {})
    const alone = []
    for (const text of texts) alone.push(await ask(text))
    const control = new AbortController()
    const [bad, back, ...together] = await Promise.allSettled([
      model.scoring.continuations!(model.encode('the'), [[model.scoring.vocabularySize]]),
      ask('the', control.signal),
      ...texts.map((text) => ask(text)),
      control.abort(),
    ])
    expect(bad).toMatchObject({ status: 'rejected', reason: { code: 'TOKENIZER_UNKNOWN_ID' } })
    expect(back).toMatchObject({ status: 'rejected' })
    expect(together.slice(0, -1)).toEqual(alone.map((value) => ({ status: 'fulfilled', value })))
  })

  test('who stops a pass stops no other, and one signal stops all that share it', async () => {
    const context = model.encode('the cat')
    const followed = Array.from({ length: 60 }, () => [...model.encode(' in the hat')])
    const expected = await model.generate('the cat', greedy)
    for (let round = 0; round < 20; round++) {
      const control = new AbortController()
      const asked = Array.from({ length: 3 }, () => model.scoring.continuations!(context, followed, { signal: control.signal }))
      const settled = Promise.allSettled(asked)
      const said = model.generate('the cat', greedy)
      await new Promise((resolve) => setTimeout(resolve, round / 4))
      control.abort()
      for (const { status, ...rest } of await settled)
        if (status === 'rejected') expect(rest).toMatchObject({ reason: { name: 'AbortError' } })
      expect(await said).toEqual(expected)
    }
  })

  test('a text has a log-probability for each token but the first, as its distributions say', async () => {
    const ids = model.encode('the cat and the hat')
    const [scores, distributions] = [await model.scoring.score(ids), await model.scoring.distributions!(ids)]
    const vocabulary = model.scoring.vocabularySize
    expect(scores[0]).toBeNaN()
    for (let i = 1; i < ids.length; i++) expect(scores[i]).toBeCloseTo(distributions[(i - 1) * vocabulary + ids[i]!]!, 5)
    for (let i = 0; i < ids.length; i++) {
      const row = distributions.subarray(i * vocabulary, (i + 1) * vocabulary)
      expect(row.reduce((sum, value) => sum + Math.exp(value), 0)).toBeCloseTo(1, 4)
    }
  })
})

describe('refusals', () => {
  test('an empty prompt and one that is too long', async () => {
    await expect(model.generate('', greedy)).rejects.toMatchObject({ code: 'PROMPT_EMPTY', kind: 'usage' })
    await expect(model.generate('the cat '.repeat(100), greedy)).rejects.toMatchObject({
      code: 'PROMPT_TOO_LONG',
      actions: expect.arrayContaining([expect.objectContaining({ label: 'Load with a contextLength of up to 256.' })]),
    })
  })

  test('an abort ends an answer, and the model goes on', async () => {
    const abort = new AbortController()
    abort.abort()
    await expect(model.generate('the cat', { ...greedy, signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect((await model.generate('the cat', greedy)).tokens).toBe(12)
  })

  test('a model that was closed', async () => {
    const closed = await load(folder, { contextLength: 16 })
    await closed.close()
    await closed.close()
    await expect(closed.generate('the cat', greedy)).rejects.toMatchObject({ code: 'MODEL_CLOSED' })
  })

  test('a model without tokenizer, and an adapter of another model', async () => {
    await expect(load(fixture('tiny-tied'))).rejects.toMatchObject({ code: 'TOKENIZER_MISSING' })
    await expect(load(folder, { adapters: [fixture('lora', 'adapter_init')] })).rejects.toMatchObject({
      message: expect.stringContaining('layers.0'),
    })
  })
})

test('an adapter changes answers, two of them add up', async () => {
  const ids = model.encode('the cat and the hat')
  const adapter = fileURLToPath(new URL('../../../weights/test/fixtures/adapter', import.meta.url))
  const scoresWith = async (adapters: string[]) => {
    const loaded = await load(folder, { adapters, contextLength: 32 })
    try {
      return await loaded.scoring.score(ids)
    } finally {
      await loaded.close()
    }
  }
  const [none, one, two] = [await scoresWith([]), await scoresWith([adapter]), await scoresWith([adapter, adapter])]
  expect(none.slice(1)).toEqual((await model.scoring.score(ids)).slice(1))
  expect(one.slice(1)).not.toEqual(none.slice(1))
  expect(two.slice(1)).not.toEqual(one.slice(1))
})

test('a stream returns what generate gives, with the tokens of the prompt', async () => {
  const stream = model.stream('the cat', greedy)
  let last = await stream.next()
  while (!last.done) last = await stream.next()
  expect(last.value).toEqual(await model.generate('the cat', greedy))
  expect(last.value).toMatchObject({ promptTokens: model.encode('the cat').length, tokens: 12, why: 'length' })
})

test('tells of each token how likely it was, and what else was likely', async () => {
  const exact = await load(folder, { contextLength: 64, threads: 1, precision: 'float32' })
  try {
    const told: GeneratedToken[] = []
    const { text } = await exact.generate('the cat', {
      ...greedy,
      repetitionPenalty: 1.5,
      alternatives: 3,
      onToken: (token) => void told.push(token),
    })
    expect(exact.tokenizer.decode(told.map(({ id }) => id))).toBe(text)
    const prompt = exact.encode('the cat')
    const scores = await exact.scoring.score([...prompt, ...told.map(({ id }) => id)])
    told.forEach(({ logProbability, alternatives }, i) => {
      expect(logProbability).toBeCloseTo(scores[prompt.length + i]!, 4)
      expect(alternatives).toHaveLength(3)
      expect(alternatives[0]!.logProbability).toBeGreaterThanOrEqual(logProbability)
      expect(alternatives.map((one) => one.logProbability)).toEqual(
        alternatives.map((one) => one.logProbability).sort((a, b) => b - a),
      )
    })
  } finally {
    await exact.close()
  }
})
