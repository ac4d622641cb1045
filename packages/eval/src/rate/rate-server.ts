import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { QtError, usageError } from '@qt/core'
import { z } from 'zod'
import { page } from './page.js'
import { appendRating, isSwapped, prepareRatings, type RatedPair, readRatings } from './ratings.js'

export interface RateServerOptions {
  readonly pairs: readonly RatedPair[]
  /** JSONL; ratings that are there count, and new ones are added. */
  readonly file: string
  /** Default: any that is free. */
  readonly port?: number
  readonly seed?: number
}

export interface RateServer {
  /** Where the page is, on this machine only. */
  readonly url: string
  close(): Promise<void>
}

/** Longest request. */
const most = 10_000
const sentSchema = z.object({
  rater: z.string().trim().min(1).max(80),
  index: z.number().int(),
  choice: z.enum(['left', 'right', 'equal']),
})

/**
 * A page on this machine that shows two answers, nobody knows whose, and keeps which one is preferred.
 *
 * @example
 * ```ts
 * const server = await rateServer({ pairs: ratedPairs(base, tuned), file: 'ratings.jsonl' })
 * console.log(server.url)
 * ```
 */
export async function rateServer({ pairs, file, port = 0, seed = 1 }: RateServerOptions): Promise<RateServer> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usageError('EVAL_PORT_TAKEN', `${port} is no port.`, { actions: ['Use a whole number up to 65535, or leave it out.'] })
  await prepareRatings(file)
  /** The first pair that this rater has not rated. */
  async function next(rater: string) {
    const done = new Set((await readRatings(file)).filter((one) => one.rater === rater).map(({ id }) => id))
    const index = pairs.findIndex(({ id }) => !done.has(id))
    const { length } = pairs.filter(({ id }) => done.has(id))
    if (index < 0) return { done: length, total: pairs.length }
    const { prompt, a, b } = pairs[index]!
    const [left, right] = isSwapped(seed, rater, index) ? [b, a] : [a, b]
    return { done: length, total: pairs.length, index, prompt, left, right }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const json = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    // Other pages in the same browser must not rate, nor names that lead here.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.host ?? '')) return void json({ error: 'host' }, 403)
    if (request.method === 'GET' && url.pathname === '/')
      return void response
        .writeHead(200, {
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': "default-src 'self' 'unsafe-inline'",
        })
        .end(page)
    if (request.method === 'GET' && url.pathname === '/next')
      return void json(await next(url.searchParams.get('rater')?.trim() ?? ''))
    if (request.method !== 'POST' || url.pathname !== '/rate') return void json({ error: 'not found' }, 404)
    if (!request.headers['content-type']?.startsWith('application/json')) return void json({ error: 'json' }, 415)
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of request) {
      pieces.push(Buffer.from(piece))
      length += pieces.at(-1)!.length
      if (length > most) return void json({ error: 'too long' }, 413)
    }
    // Together, so that letters which lie across two pieces stay whole.
    const sent = sentSchema.safeParse(parsed(Buffer.concat(pieces).toString('utf8')))
    const pair = sent.success ? pairs[sent.data.index] : undefined
    if (!sent.success || !pair) return void json({ error: 'not a rating' }, 400)
    const { rater, index, choice } = sent.data
    const swapped = isSwapped(seed, rater, index)
    const preference = choice === 'equal' ? 'equal' : (choice === 'left') === swapped ? 'b' : 'a'
    await appendRating(file, { id: pair.id, rater, preference })
    json(await next(rater))
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500)
      response.end(error instanceof Error ? error.message : '')
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? usageError('EVAL_PORT_TAKEN', `The port ${port} is taken.`, {
              actions: ['Choose another one, or leave it out.'],
              cause,
            })
          : new QtError({ code: 'EVAL_PORT_TAKEN', message: `The page cannot be served: ${cause.message}.`, cause }),
      ),
    )
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
