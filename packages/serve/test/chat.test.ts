import type OpenAI from 'openai'
import { expect, test } from 'vitest'
import { baseModel, client, server } from './support.js'

const messages: OpenAI.ChatCompletionMessageParam[] = [
  {
    role: 'system',
    content: 'You are the game master.\n\nParty:\n- Mira, player, Elf Rogue, level 3, health 9/14. Skills: Stealth +5.',
  },
  { role: 'user', content: 'I sneak past the guard.' },
]
const greedy = { model: 'base', messages, temperature: 0, max_tokens: 24 } as const

test('a chat is answered with what the model itself answers, and counted', async () => {
  const model = await baseModel()
  const expected = await model.generate(
    messages.map(({ role, content }) => ({ role: role === 'system' ? 'system' : 'user', content: String(content) })),
    { temperature: 0, maxTokens: 24 },
  )
  const answer = await client(await server()).chat.completions.create(greedy)
  expect(answer).toMatchObject({
    object: 'chat.completion',
    model: 'base',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: expected.text },
        finish_reason: expected.why === 'length' ? 'length' : 'stop',
      },
    ],
    usage: {
      prompt_tokens: expected.promptTokens,
      completion_tokens: expected.tokens,
      total_tokens: expected.promptTokens! + expected.tokens,
    },
  })
})

test('a stream is the same answer in pieces, with its usage at the end', async () => {
  const openai = client(await server())
  const whole = await openai.chat.completions.create(greedy)
  const chunks: OpenAI.ChatCompletionChunk[] = []
  for await (const chunk of await openai.chat.completions.create({
    ...greedy,
    stream: true,
    stream_options: { include_usage: true },
  }))
    chunks.push(chunk)
  expect(chunks[0]!.choices[0]!.delta.role).toBe('assistant')
  expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('')).toBe(whole.choices[0]!.message.content)
  expect(chunks.length).toBeGreaterThan(5)
  expect(chunks.at(-2)!.choices[0]!.finish_reason).toBe(whole.choices[0]!.finish_reason)
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage })
  expect(new Set(chunks.map(({ id }) => id)).size).toBe(1)
})

test("the client's own assembly of a stream gives the same message", async () => {
  const openai = client(await server())
  const whole = await openai.chat.completions.create(greedy)
  const stream = openai.chat.completions.stream({ ...greedy, stream: true })
  expect(await stream.finalContent()).toBe(whole.choices[0]!.message.content)
})

test('the same seed gives the same answers, several of which differ', async () => {
  const openai = client(await server())
  const ask = async () => {
    const { choices } = await openai.chat.completions.create({ ...greedy, temperature: 2, n: 4, seed: 7 })
    return choices.map(({ message }) => message.content)
  }
  const first = await ask()
  expect(await ask()).toEqual(first)
  expect(new Set(first).size).toBeGreaterThan(1)
})

test('several answers stream side by side, each with its end', async () => {
  const openai = client(await server())
  const { choices } = await openai.chat.completions.create({ ...greedy, temperature: 1.2, n: 3, seed: 7 })
  const texts = ['', '', '']
  const ends: (string | null)[] = []
  for await (const { choices } of await openai.chat.completions.create({
    ...greedy,
    temperature: 1.2,
    n: 3,
    seed: 7,
    stream: true,
  })) {
    const [{ index, delta, finish_reason }] = choices as [OpenAI.ChatCompletionChunk.Choice]
    texts[index] += delta.content ?? ''
    if (finish_reason !== null) ends[index] = finish_reason
  }
  expect(texts).toEqual(choices.map(({ message }) => message.content))
  expect(ends).toEqual(choices.map(({ finish_reason }) => finish_reason))
})

test('a stop string ends the answer before it', async () => {
  const openai = client(await server())
  const { choices } = await openai.chat.completions.create(greedy)
  const text = choices[0]!.message.content!
  const stop = text.slice(8, 12)
  const stopped = await openai.chat.completions.create({ ...greedy, stop: [stop] })
  expect(stopped.choices[0]).toMatchObject({ message: { content: text.slice(0, text.indexOf(stop)) }, finish_reason: 'stop' })
})

test('an answer is held to a JSON schema', async () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 12 },
      level: { type: 'integer', minimum: 0 },
      skill: { enum: ['stealth', 'arcana'] },
    },
    required: ['name', 'level', 'skill'],
    additionalProperties: false,
  }
  const openai = client(await server())
  const { choices } = await openai.chat.completions.create({
    ...greedy,
    max_tokens: 200,
    response_format: { type: 'json_schema', json_schema: { name: 'hero', schema, strict: true } },
  })
  const hero = JSON.parse(choices[0]!.message.content!)
  expect(Object.keys(hero)).toEqual(['name', 'level', 'skill'])
  expect(['stealth', 'arcana']).toContain(hero.skill)
})

test('log-probabilities come with every token, in a stream as well', async () => {
  const openai = client(await server())
  const wanted = { ...greedy, logprobs: true, top_logprobs: 3 }
  const { choices } = await openai.chat.completions.create(wanted)
  const tokens = choices[0]!.logprobs!.content!
  expect(tokens.map(({ token }) => token).join('')).toBe(choices[0]!.message.content)
  for (const { logprob, top_logprobs, token } of tokens) {
    expect(logprob).toBeLessThanOrEqual(0)
    expect(top_logprobs).toHaveLength(3)
    expect(top_logprobs[0]).toMatchObject({ token, logprob })
  }
  const streamed: OpenAI.ChatCompletionTokenLogprob[] = []
  for await (const chunk of await openai.chat.completions.create({ ...wanted, stream: true }))
    streamed.push(...(chunk.choices[0]?.logprobs?.content ?? []))
  expect(streamed).toEqual(tokens)
})
