import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { scoreStructuredCalls } from '../tool-calls/structured-score.js'
import { ollamaModel } from './ollama-model.js'
import { openAiModel } from './open-ai-model.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

interface Call {
  readonly path: string
  readonly authorization: string | undefined
  readonly body: Record<string, unknown>
}

let server: Server | undefined
afterEach(() => server?.close())

/** A server on this machine that plays documented answers, one after the other; the last one again and again. */
async function serving(...answers: ((response: ServerResponse, call: Call) => void)[]) {
  const calls: Call[] = []
  server = createServer(async (request: IncomingMessage, response) => {
    let text = ''
    for await (const piece of request) text += piece
    const call = { path: request.url ?? '', authorization: request.headers.authorization, body: JSON.parse(text) }
    const answer = answers[Math.min(calls.length, answers.length - 1)]!
    calls.push(call)
    answer(response, call)
  })
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { calls, baseUrl: `http://127.0.0.1:${port}` }
}

const json =
  (value: unknown, status = 200, headers = {}) =>
  (response: ServerResponse) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value))
  }
const ask = [{ role: 'user' as const, content: 'Hello' }]
const quick = { retryMilliseconds: 1 }

describe("a server of OpenAI's interface", () => {
  const chat = (content: string | null, more = {}) => ({
    choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content, ...more } }],
    usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 },
  })

  test('answers conversations and plain text, with all settings', async () => {
    const { calls, baseUrl } = await serving(json(chat('Hi.')), json({ choices: [{ text: ' world', finish_reason: 'length' }] }))
    const model = openAiModel({ baseUrl: `${baseUrl}/v1/`, model: 'm', apiKey: 'secret' })
    const options = { maxTokens: 5, temperature: 0, seed: 7, stop: ['\n'], topP: 0.9 }
    expect(await model.generate(ask, options)).toEqual({ text: 'Hi.', tokens: 3, promptTokens: 9, why: 'stop' })
    expect(await model.generate('Hello', options)).toMatchObject({ text: ' world', why: 'length' })
    expect(calls.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/completions'])
    expect(calls[0]).toMatchObject({
      authorization: 'Bearer secret',
      body: { model: 'm', messages: ask, max_tokens: 5, temperature: 0, seed: 7, stop: ['\n'], top_p: 0.9 },
    })
  })

  test('calls tools, and hears of calls that were made before', async () => {
    const made = [{ id: 'c1', type: 'function', function: { name: 'roll', arguments: '{"skill":"stealth"}' } }]
    const { calls, baseUrl } = await serving(json(chat(null, { tool_calls: made })))
    const model = openAiModel({ baseUrl, model: 'm' })
    const tools = [{ name: 'roll', parameters: { type: 'object' } }]
    const before = { role: 'assistant' as const, content: '', toolCalls: [{ id: 'c0', name: 'roll', arguments: { skill: 'x' } }] }
    const result = { role: 'tool' as const, content: '12', toolCallId: 'c0' }
    const answer = await model.generate([...ask, before, result], { tools })
    expect(answer).toMatchObject({ text: '', toolCalls: [{ id: 'c1', name: 'roll', arguments: { skill: 'stealth' } }] })
    expect(calls[0]!.body).toMatchObject({
      tools: [{ type: 'function', function: tools[0] }],
      messages: [
        {},
        { tool_calls: [{ id: 'c0', function: { name: 'roll', arguments: '{"skill":"x"}' } }] },
        { tool_call_id: 'c0' },
      ],
    })
  })

  test('arguments that are no JSON are those of a wrong call', async () => {
    const made = ['{"skill": "st', '[1]', '', 'null', '{}'].map((given) => ({ function: { name: 'look', arguments: given } }))
    const { baseUrl } = await serving(json(chat(null, { tool_calls: made })))
    const { toolCalls } = await openAiModel({ baseUrl, model: 'm' }).generate(ask)
    expect(
      toolCalls!.map((call) => scoreStructuredCalls([{ name: 'look', arguments: {} }], [call], [{ name: 'look' }]).right),
    ).toEqual([false, false, true, true, true])
  })

  test("only a prompt that is too long is an item's own fault", async () => {
    const messages = {
      "This model's maximum context length is 512 tokens. However, you requested 600 tokens": true,
      'the request exceeds the available context size': true,
      'Prompt is too long: 900 tokens': true,
      'input exceeds the limit of 512 tokens': true,
      'max_tokens exceeds the maximum of 4096': false,
      'rate exceeded': false,
      'The name of the user is too long': false,
    }
    for (const [message, own] of Object.entries(messages)) {
      const { baseUrl } = await serving(json({ error: { message } }, 400))
      const asked = openAiModel({ baseUrl, model: 'm', ...quick }).generate(ask)
      await expect(asked, message).rejects.toMatchObject({ code: own ? 'PROMPT_TOO_LONG' : 'SERVER_REFUSED' })
    }
  })

  test('streams, however the pieces are cut', async () => {
    const text = ['Grü', 'ße', ' 🜁']
      .map((content) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`)
      .join('')
    const bytes = Buffer.from(`${text}data: [DONE]\n\n`)
    const { baseUrl } = await serving((response) => {
      for (let i = 0; i < bytes.length; i += 7) response.write(bytes.subarray(i, i + 7))
      response.end()
    })
    let all = ''
    for await (const piece of openAiModel({ baseUrl, model: 'm' }).stream(ask)) all += piece
    expect(all).toBe('Grüße 🜁')
  })

  test('that breaks off a stream, or reports an error in it, is an error that names it', async () => {
    const piece = `data: ${JSON.stringify({ choices: [{ delta: { content: 'Hal' } }] })}\n\n`
    const { baseUrl } = await serving(
      (response) => response.write(piece, () => response.destroy()),
      (response) => response.end(`${piece}data: {"error": {"message": "out of memory"}}\n\n`),
      (response) => response.end('data: {"choi\n\n'),
    )
    const heard = async () => {
      for await (const _ of openAiModel({ baseUrl, model: 'm' }).stream(ask));
    }
    for (const what of ['broke off', 'out of memory', 'not JSON'])
      await expect(heard()).rejects.toMatchObject({ code: 'SERVER_FAILED', message: expect.stringContaining(what) })
  })

  test('is asked again when it is busy, and waits as long as it says', async () => {
    const { calls, baseUrl } = await serving(json({}, 503), json({}, 429, { 'retry-after': '0.01' }), json(chat('At last.')))
    expect((await openAiModel({ baseUrl, model: 'm', ...quick }).generate(ask)).text).toBe('At last.')
    expect(calls).toHaveLength(3)
  })

  test('refuses with its own words; too long a conversation is told apart', async () => {
    const { calls, baseUrl } = await serving(
      json({ error: { message: 'no such model "m"' } }, 404),
      json({ error: { message: 'the request exceeds the available context size' } }, 400),
      json({ error: { message: 'bad key' } }, 401),
    )
    const model = openAiModel({ baseUrl, model: 'm', ...quick })
    await expect(model.generate(ask)).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      message: expect.stringContaining('no such model'),
    })
    await expect(model.generate(ask)).rejects.toMatchObject({ code: 'PROMPT_TOO_LONG' })
    await expect(model.generate(ask)).rejects.toMatchObject({
      code: 'SERVER_REFUSED',
      actions: [{ label: 'Give the right key.' }],
    })
    expect(calls).toHaveLength(3)
  })

  test('that is away, answers nonsense or not at all is an error that names it', async () => {
    const { baseUrl } = await serving(
      (response) => response.end('<html>'),
      json({ choices: [] }),
      () => {},
    )
    const model = openAiModel({ baseUrl, model: 'm', ...quick })
    for (const what of ['not JSON', 'lacks "choices"'])
      await expect(model.generate(ask)).rejects.toMatchObject({ code: 'SERVER_FAILED', message: expect.stringContaining(what) })
    await expect(openAiModel({ baseUrl, model: 'm', timeoutSeconds: 0.2 }).generate(ask)).rejects.toMatchObject({
      code: 'SERVER_FAILED',
      message: expect.stringContaining('within 0.2 seconds'),
    })
    server!.closeAllConnections()
    await new Promise((resolve) => server!.close(resolve))
    await expect(model.generate(ask)).rejects.toMatchObject({
      code: 'SERVER_FAILED',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    await expect(openAiModel({ baseUrl: 'nowhere', model: 'm' }).generate(ask)).rejects.toMatchObject({ code: 'SERVER_ADDRESS' })
  })

  test('is left alone when the caller stops', async () => {
    const { baseUrl } = await serving(json({}, 503))
    const signal = AbortSignal.timeout(50)
    await expect(openAiModel({ baseUrl, model: 'm', retryMilliseconds: 10_000 }).generate(ask, { signal })).rejects.toThrow(
      /abort|timeout/i,
    )
  })
})

describe('Ollama', () => {
  test('answers conversations with calls, and continues plain text as it stands', async () => {
    const { calls, baseUrl } = await serving(
      json({
        message: { role: 'assistant', content: 'Hi.', tool_calls: [{ function: { name: 'roll', arguments: { skill: 'x' } } }] },
        done: true,
        done_reason: 'stop',
        eval_count: 3,
        prompt_eval_count: 8,
      }),
      json({ response: ' world', done: true, done_reason: 'length', eval_count: 1 }),
    )
    const model = ollamaModel({ baseUrl, model: 'llama' })
    expect(await model.generate(ask, { maxTokens: 4, temperature: 0 })).toEqual({
      text: 'Hi.',
      tokens: 3,
      promptTokens: 8,
      toolCalls: [{ name: 'roll', arguments: { skill: 'x' } }],
      why: 'end',
    })
    expect(await model.generate('Hello')).toMatchObject({ text: ' world', why: 'length' })
    expect(calls.map(({ path, body }) => [path, body.raw, body.options])).toEqual([
      ['/api/chat', undefined, { num_predict: 4, temperature: 0 }],
      ['/api/generate', true, {}],
    ])
  })

  test('streams lines of JSON', async () => {
    const { baseUrl } = await serving((response) => {
      for (const content of ['a', 'b']) response.write(`${JSON.stringify({ message: { content }, done: false })}\n`)
      response.end(`${JSON.stringify({ message: { content: '' }, done: true })}\n`)
    })
    const pieces: string[] = []
    for await (const piece of ollamaModel({ baseUrl, model: 'llama' }).stream(ask)) pieces.push(piece)
    expect(pieces).toEqual(['a', 'b'])
  })
})
