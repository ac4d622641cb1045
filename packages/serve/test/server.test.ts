import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { type ServedRequest, serve } from '../src/index.js'
import { baseModel, client, failure, health, post, server } from './support.js'

const messages = [{ role: 'user', content: 'Tell me of the cave.' }] as const
/** An answer that goes on until it is stopped: a grammar that has no end. */
const long = { model: 'base', messages: [...messages], max_tokens: 1500, grammar: 'root ::= [a-z ]{1200,1500}' }
const short = { model: 'base', messages: [...messages], max_tokens: 2, temperature: 0 }

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (const start = Date.now(); !(await condition()); await wait(20))
    if (Date.now() - start > 20_000) throw new Error('it did not happen within 20 seconds')
}

test('lists its models, by name too', async () => {
  const openai = client(await server())
  const { data } = await openai.models.list()
  expect(data).toEqual([
    { id: 'base', object: 'model', created: expect.any(Number), owned_by: 'local', context_length: expect.any(Number) },
  ])
  expect((await openai.models.retrieve('base')).id).toBe('base')
  await expect(openai.models.retrieve('gpt-9')).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
})

test('without a token nobody gets in where tokens are asked for', async () => {
  const running = await server({ tokens: ['first-secret', 'second-secret'] })
  await expect(client(running, 'guess').models.list()).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' })
  expect((await fetch(`${running.url}/v1/models`)).status).toBe(401)
  expect((await client(running, 'second-secret').models.list()).data).toHaveLength(1)
  expect((await fetch(`${running.url}/health`)).status).toBe(200)
})

test('pages of others cannot use a server without tokens', async () => {
  const { port } = await server()
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () =>
      socket.end('GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n'),
    )
    let text = ''
    socket.on('data', (data) => {
      text += data.toString()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', reject)
  })
  expect(answer).toContain(' 403 ')
  expect((await post(`http://127.0.0.1:${port}/v1/chat/completions`, short, { 'content-type': 'text/plain' })).status).toBe(415)
})

test('an address that others can reach needs tokens, or the word that it is meant', async () => {
  const model = await baseModel()
  await expect(serve(model, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'SERVE_OPEN' })
  const open = await serve(model, { host: '0.0.0.0', port: 0, open: true })
  expect((await health(`http://127.0.0.1:${open.port}`)).status).toBe('ok')
  await open.close()
})

test('a port that is taken is an error that says so', async () => {
  const { port } = await server()
  for (const bad of [port, 99_999])
    await expect(serve(await baseModel(), { port: bad })).rejects.toMatchObject({ code: 'SERVE_PORT', kind: 'usage' })
})

test('more requests than may wait are told to come back', async () => {
  const { url } = await server({ limits: { concurrent: 1, queue: 1 } })
  const stop = new AbortController()
  const started = [0, 1].map(() =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(long),
      signal: stop.signal,
    }).catch(() => undefined),
  )
  await until(async () => (await health(url)).waiting === 1)
  const refused = await post(`${url}/v1/chat/completions`, short)
  expect([refused.status, refused.headers.get('retry-after'), (await failure(refused)).type]).toEqual([
    429,
    '1',
    'rate_limit_error',
  ])
  stop.abort()
  await Promise.all(started)
  await until(async () => (await health(url)).active === 0)
  expect((await post(`${url}/v1/chat/completions`, short)).status).toBe(200)
})

test('when the client goes away, its answer stops', async () => {
  const log: ServedRequest[] = []
  const { url } = await server({ onRequest: (request) => void log.push(request) })
  for (const stream of [true, false]) {
    const stop = new AbortController()
    const asked = fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...long, stream }),
      signal: stop.signal,
    })
    if (stream) await (await asked).body!.getReader().read()
    else await until(async () => (await health(url)).active === 1)
    stop.abort()
    await asked.catch(() => {})
    await until(async () => (await health(url)).active === 0)
  }
  expect(log.filter(({ path }) => path !== '/health').map(({ status }) => status)).toEqual([499, 499])
})

test('an answer that takes too long ends with an error', async () => {
  const { url } = await server({ limits: { seconds: 0.05 } })
  expect((await post(`${url}/v1/chat/completions`, long)).status).toBe(504)
  const text = await (await post(`${url}/v1/chat/completions`, { ...long, stream: true })).text()
  expect(text).toContain('"code":"timeout"')
  expect(text).not.toContain('[DONE]')
})

test('bodies beyond the limit are refused, announced or not', async () => {
  const { url } = await server({ limits: { bodyBytes: 2000 } })
  const large = JSON.stringify({ ...short, messages: [{ role: 'user', content: 'x'.repeat(5000) }] })
  expect((await post(`${url}/v1/chat/completions`, large)).status).toBe(413)
  const pieces = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 10; i++) controller.enqueue(new TextEncoder().encode('x'.repeat(1000)))
      controller.close()
    },
  })
  const request: RequestInit & { duplex: 'half' } = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: pieces,
    duplex: 'half',
  }
  const status = await fetch(`${url}/v1/chat/completions`, request).then(
    (response) => response.status,
    () => 413,
  )
  expect(status).toBe(413)
  for (const max_tokens of [99_999, 0])
    expect((await post(`${url}/v1/chat/completions`, { ...short, max_tokens })).status).toBe(400)
})

test('a time that no timer can hold is refused', async () => {
  await expect(serve(await baseModel(), { port: 0, limits: { seconds: 3_000_000 } })).rejects.toMatchObject({
    code: 'SERVE_LIMIT',
  })
})

test('closing lets answers end, and refuses new ones', async () => {
  const running = await server()
  const asked = post(`${running.url}/v1/chat/completions`, { ...long, max_tokens: 300 })
  await until(async () => (await health(running.url)).active === 1)
  const closed = running.close({ graceSeconds: 30 })
  expect((await asked).status).toBe(200)
  await closed
  await expect(fetch(`${running.url}/health`)).rejects.toThrow()
  const model = await baseModel()
  expect((await model.generate('still', { maxTokens: 1 })).tokens).toBe(1)
})

test('closing stops answers that do not end in time', async () => {
  const running = await server()
  const asked = post(`${running.url}/v1/chat/completions`, long)
  await until(async () => (await health(running.url)).active === 1)
  const started = Date.now()
  await running.close({ graceSeconds: 0.1 })
  expect(Date.now() - started).toBeLessThan(10_000)
  expect((await asked).status).toBe(503)
})

test('a file is opened by the engine, and closed with the server', async () => {
  const { baseModelPath } = await import('@qt/base-model')
  const running = await serve(baseModelPath(), { port: 0 })
  onTestFinished(() => running.close())
  const answer = await post(`${running.url}/v1/chat/completions`, { ...short, model: running.models[0] })
  expect(answer.status).toBe(200)
})
