import { messageOf, QtError, usageError } from '@qt/core'
import type { z } from 'zod'

export interface RequestOptions {
  /** Longest wait for an answer; default 10 minutes. */
  readonly timeoutSeconds?: number
  /** How often a request is made again when the server is busy or away; default 4. */
  readonly retries?: number
  /** Wait before the first repetition; it doubles each time. Default 500. */
  readonly retryMilliseconds?: number
}

interface Request extends RequestOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly body: unknown
  readonly signal?: AbortSignal | undefined
}

/** Answers that may be different the next time. */
const passing = new Set([408, 409, 425, 429, 500, 502, 503, 504])

/** Longest wait that a server may ask for. */
const longestWait = 60_000

/** Sends JSON and reads JSON; what is busy is asked again. */
export async function post<T>(url: string, { schema, ...request }: Request & { readonly schema: z.ZodType<T> }): Promise<T> {
  const response = await send(url, request)
  const text = await response.text().catch((cause: unknown) => {
    request.signal?.throwIfAborted()
    throw failure(url, `the answer broke off (${messageOf(cause)})`, cause)
  })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw failure(url, 'the answer is not JSON', cause)
  }
  const read = schema.safeParse(value)
  if (read.success) return read.data
  throw failure(url, `the answer lacks "${read.error.issues[0]!.path.join('.')}"`)
}

/** Sends JSON and gives the lines of the answer as they come. */
export async function* postStream(url: string, request: Request): AsyncGenerator<string, void, void> {
  const { body } = await send(url, request)
  if (!body) throw failure(url, 'the answer is empty')
  const decoder = new TextDecoder()
  let rest = ''
  try {
    for await (const bytes of body) {
      rest += decoder.decode(bytes, { stream: true })
      const lines = rest.split(/\r?\n/)
      rest = lines.pop() ?? ''
      yield* lines
    }
  } catch (cause) {
    request.signal?.throwIfAborted()
    throw failure(url, `the answer broke off (${messageOf(cause)})`, cause)
  }
  if (rest !== '') yield rest
}

async function send(url: string, request: Request): Promise<Response> {
  const { headers = {}, body, signal, timeoutSeconds = 600, retries = 4, retryMilliseconds = 500 } = request
  for (let attempt = 0; ; attempt++) {
    signal?.throwIfAborted()
    const timeout = AbortSignal.timeout(timeoutSeconds * 1000)
    let response: Response | undefined
    let cause: unknown
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      })
    } catch (error) {
      signal?.throwIfAborted()
      if (timeout.aborted) throw failure(url, `no answer came within ${timeoutSeconds} seconds`, error)
      if (error instanceof TypeError && /URL/.test(messageOf(error))) throw badAddress(url, error)
      cause = error
    }
    if (response?.ok) return response
    if (attempt >= retries || (response && !passing.has(response.status)))
      throw response ? await refused(url, response) : failure(url, reasonOf(cause), cause)
    const wanted = Number(response?.headers.get('retry-after')) * 1000
    await response?.body?.cancel()
    await pause(Math.min(longestWait, wanted > 0 ? wanted : retryMilliseconds * 2 ** attempt), signal)
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, milliseconds)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** A piece of a streamed answer as JSON; servers report what goes wrong midway as a piece with `error`. */
export function pieceOf<T>(url: string, text: string, schema: z.ZodType<T>): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw failure(url, 'a piece of the answer is not JSON', cause)
  }
  if (typeof value === 'object' && value !== null && 'error' in value)
    throw failure(url, `it reports ${JSON.stringify(value.error)}`)
  const read = schema.safeParse(value)
  if (read.success) return read.data
  throw failure(url, `a piece of the answer lacks "${read.error.issues[0]!.path.join('.')}"`)
}

/** `fetch failed` says nothing; its cause does. */
const reasonOf = (error: unknown): string =>
  error instanceof Error && error.cause instanceof Error ? error.cause.message || error.message : messageOf(error)

const failure = (url: string, why: string, cause?: unknown) =>
  new QtError({
    code: 'SERVER_FAILED',
    message: `The server at ${url} gave no answer: ${why}.`,
    actions: ['Check that it runs, and its address.', 'Run again: with a cache only what is missing is asked.'],
    cause,
  })

const badAddress = (url: string, cause: unknown) =>
  usageError('SERVER_ADDRESS', `"${url}" is no address of a server.`, { actions: ['Write http://HOST:PORT/v1.'], cause })

const tooLong =
  /context[ _](length|size|window)|maximum context|\b(prompt|input|context)\b[^.]{0,60}(too long|exceed)|(too long|exceed)[^.]{0,60}\b(prompt|input|context)\b/i

async function refused(url: string, response: Response): Promise<QtError> {
  const text = (await response.text().catch(() => '')).slice(0, 500)
  const own = /"message"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? /"error"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? text
  // What a conversation longer than the context is called differs by server; the words do not.
  // A limit of something else, of the answer or of requests in a minute, is no fault of the item.
  const long = response.status === 400 && tooLong.test(text)
  return new QtError({
    code: long ? 'PROMPT_TOO_LONG' : 'SERVER_REFUSED',
    message: `The server at ${url} refuses (${response.status}): ${own}`,
    actions: [
      response.status === 401 || response.status === 403
        ? 'Give the right key.'
        : 'Check the name of the model and the settings.',
    ],
  })
}
