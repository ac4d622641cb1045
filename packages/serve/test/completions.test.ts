import { expect, test } from 'vitest'
import { baseModel, client, failure, post, server } from './support.js'

const prompt = 'The door opens, and the'
const greedy = { model: 'base', prompt, temperature: 0, max_tokens: 8 } as const

test('a text is continued as the model continues it', async () => {
  const expected = await (await baseModel()).generate(prompt, { temperature: 0, maxTokens: 8 })
  const openai = client(await server())
  const answer = await openai.completions.create(greedy)
  expect(answer).toMatchObject({ object: 'text_completion', choices: [{ text: expected.text, index: 0, logprobs: null }] })
  let text = ''
  for await (const { choices } of await openai.completions.create({ ...greedy, stream: true })) text += choices[0]!.text
  expect(text).toBe(expected.text)
})

test('with echo and no new tokens a text is scored as the engine scores it', async () => {
  const model = await baseModel()
  const ids = model.tokenizer.encode(prompt, { special: true })
  const scores = await model.scoring.score(ids)
  const { choices, usage } = await client(await server()).completions.create({
    ...greedy,
    max_tokens: 0,
    echo: true,
    logprobs: 2,
  })
  const { text, logprobs, finish_reason } = choices[0]!
  expect([text, finish_reason, usage?.prompt_tokens]).toEqual([prompt, 'length', ids.length])
  expect(logprobs!.tokens!.join('')).toBe(prompt)
  expect(logprobs!.token_logprobs![0]).toBeNull()
  logprobs!.token_logprobs!.slice(1).forEach((value, i) => void expect(value).toBeCloseTo(scores[i + 1]!, 4))
  logprobs!.text_offset!.forEach((at, i) => void expect(prompt.slice(at).startsWith(logprobs!.tokens![i]!)).toBe(true))
  expect(logprobs!.top_logprobs![0]).toBeNull()
  expect(Object.keys(logprobs!.top_logprobs![3]!)).toContain(logprobs!.tokens![3])
})

test('what is continued is echoed and scored in one', async () => {
  const openai = client(await server())
  const plain = await openai.completions.create(greedy)
  const { choices } = await openai.completions.create({ ...greedy, echo: true, logprobs: 1 })
  const { text, logprobs } = choices[0]!
  expect(text).toBe(prompt + plain.choices[0]!.text)
  expect(logprobs!.tokens!.join('')).toBe(text)
  expect(logprobs!.token_logprobs).toHaveLength(logprobs!.tokens!.length)
})

test('token ids are a prompt, and several prompts are answered in order', async () => {
  const model = await baseModel()
  const openai = client(await server())
  const ids = [...model.tokenizer.encode(prompt, { special: true })]
  const one = await openai.completions.create(greedy)
  const two = await openai.completions.create({ ...greedy, prompt: [ids, ids], n: 2 })
  expect(two.choices.map(({ index }) => index)).toEqual([0, 1, 2, 3])
  for (const { text } of two.choices) expect(text).toBe(one.choices[0]!.text)
  expect(two.usage).toMatchObject({ prompt_tokens: 2 * ids.length, completion_tokens: 4 * one.usage!.completion_tokens })
})

test('prompts of other ids are scored apart, though they have one text', async () => {
  const { tokenizer, scoring } = await baseModel()
  const text = 'opens the door'
  const whole = [...tokenizer.encode(text, { special: true })]
  const letters = [...text].flatMap((letter) => [...tokenizer.encode(letter)])
  expect(tokenizer.decode(letters, { special: true })).toBe(tokenizer.decode(whole, { special: true }))
  expect(letters.length).toBeGreaterThan(whole.length)
  const { choices, usage } = await client(await server()).completions.create({
    ...greedy,
    prompt: [whole, letters],
    max_tokens: 0,
    echo: true,
    logprobs: 0,
  })
  expect(choices.map(({ logprobs }) => logprobs!.tokens!.length)).toEqual([whole.length, letters.length])
  expect(choices[0]!.logprobs!.token_logprobs![1]).toBeCloseTo((await scoring.score(whole))[1]!, 4)
  expect(usage?.prompt_tokens).toBe(whole.length + letters.length)
})

test('where answers must be short, one that names no length is', async () => {
  const { max_tokens: _, ...request } = greedy
  const { usage } = await client(await server({ limits: { maxTokens: 3 } })).completions.create(request)
  expect(usage?.completion_tokens).toBe(3)
})

test('an answer that cannot be is refused with the parameter', async () => {
  const { url } = await server()
  for (const [body, param] of [
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ best_of: 3 }, 'best_of'],
    [{ suffix: 'x' }, 'suffix'],
    [{ prompt: [999_999] }, 'prompt'],
    [{ prompt: '' }, null],
    [{ prompt: 'word '.repeat(5000) }, null],
  ] as const) {
    const response = await post(`${url}/v1/completions`, { ...greedy, ...body })
    expect([response.status, (await failure(response)).param]).toEqual([400, param])
  }
})
