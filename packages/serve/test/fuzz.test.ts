import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type ModelServer, serve } from '../src/index.js'
import { baseModel, post } from './support.js'

let running: ModelServer
const failures: unknown[] = []
beforeAll(async () => {
  running = await serve(
    { name: 'base', model: await baseModel() },
    { port: 0, limits: { maxTokens: 4, choices: 3 }, onError: (error) => void failures.push(error) },
  )
  return () => running.close({ graceSeconds: 0 })
})

const good = {
  '/v1/chat/completions': { model: 'base', messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 },
  '/v1/completions': { model: 'base', prompt: 'hi', max_tokens: 1 },
  '/v1/embeddings': { model: 'base', input: 'hi' },
}
const keys = [
  ...[
    'messages',
    'prompt',
    'input',
    'model',
    'max_tokens',
    'n',
    'stop',
    'seed',
    'temperature',
    'top_p',
    'tools',
    'tool_choice',
    'echo',
  ],
  ...[
    'logprobs',
    'top_logprobs',
    'response_format',
    'stream',
    'stream_options',
    'grammar',
    'logit_bias',
    'encoding_format',
    'dimensions',
  ],
  ...['__proto__', 'constructor', 'frequency_penalty', 'max_completion_tokens', 'top_k', 'min_p', 'repetition_penalty'],
]

/** Every answer is JSON, or a stream; a refusal is in OpenAI's form; nothing fails inside. */
async function holds(path: string, body: unknown): Promise<void> {
  const response = await post(`${running.url}${path}`, body)
  const text = await response.text()
  expect([200, 400, 404], `${JSON.stringify(body)} → ${text}`).toContain(response.status)
  if (response.headers.get('content-type') !== 'application/json') return
  const answer = JSON.parse(text)
  if (response.status !== 200)
    expect(answer).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param: answer.error.param, code: expect.any(String) },
    })
}

describe.each(Object.entries(good))('%s', (path, body) => {
  test('answers what is right', async () => {
    expect((await post(`${running.url}${path}`, body)).status).toBe(200)
  })

  test('takes or refuses any value of any parameter, and stays up', async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...keys), fc.jsonValue({ maxDepth: 3 }), async (key, value) => {
        await holds(path, { ...body, [key]: value })
      }),
      { numRuns: 100 },
    )
    expect(failures).toEqual([])
  })

  test('takes or refuses any text for a body', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.string(), fc.json()), async (text) => {
        await holds(path, text)
      }),
      { numRuns: 50 },
    )
    expect(failures).toEqual([])
  })
})

test('odd messages, tools and schemas are taken or refused', async () => {
  const text = fc.oneof(
    fc.string(),
    fc.constant(null),
    fc.array(fc.record({ type: fc.constantFrom('text', 'image_url'), text: fc.string() })),
  )
  const call = fc.record({
    id: fc.string(),
    type: fc.constant('function'),
    function: fc.record({ name: fc.string(), arguments: fc.json() }),
  })
  const message = fc.record(
    {
      role: fc.constantFrom('system', 'user', 'assistant', 'tool', 'developer', 'king'),
      content: text,
      tool_calls: fc.array(call),
      tool_call_id: fc.string(),
    },
    { requiredKeys: ['role'] },
  )
  const schema = fc.letrec((tie) => ({
    any: fc.oneof(
      { maxDepth: 3 },
      fc.record({ type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'nothing') }),
      fc.record({ enum: fc.array(fc.jsonValue({ maxDepth: 1 })) }),
      fc.record({ type: fc.constant('array'), items: tie('any'), minItems: fc.nat(3) }),
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(fc.string(), tie('any')),
        required: fc.array(fc.string()),
      }),
      fc.jsonValue({ maxDepth: 2 }),
    ),
  })).any
  const tool = fc.record({
    type: fc.constant('function'),
    function: fc.record({ name: fc.constantFrom('roll', 'a-b', '', 'x y'), parameters: schema }),
  })
  const request = fc.record(
    {
      messages: fc.array(message, { maxLength: 3 }),
      tools: fc.array(tool, { maxLength: 2 }),
      tool_choice: fc.constantFrom('auto', 'none', 'required'),
      response_format: fc.record({ type: fc.constant('json_schema'), json_schema: fc.record({ name: fc.string(), schema }) }),
    },
    { requiredKeys: ['messages'] },
  )
  await fc.assert(
    fc.asyncProperty(request, async (odd) => {
      await holds('/v1/chat/completions', { model: 'base', max_tokens: 2, ...odd })
    }),
    { numRuns: 200 },
  )
  expect(failures).toEqual([])
})
