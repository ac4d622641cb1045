import { setTimeout as pause } from 'node:timers/promises'
import { messageOf, QtError, usageError } from '@qt/core'
import type { z } from 'zod'
import { Secret, withoutSecrets } from './secret.js'

/** How requests to a cloud are made. */
export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  /** Of one request, in all; 5. */
  readonly attempts?: number | undefined
  /** Seconds that one attempt may take; 60. */
  readonly timeout?: number | undefined
  /** Seconds before the second attempt; doubled for each further one, at most 30. A server's own Retry-After goes before. 0.5. */
  readonly backOff?: number | undefined
}

export interface CloudRequest {
  /** Whom it goes to, as errors call it. */
  readonly service: string
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** A signed address is a secret as a whole. */
  readonly url: string | Secret
  readonly headers?: Readonly<Record<string, string | Secret>>
  readonly body?: string | Uint8Array
  /** Doing it twice does no harm; so unless told, but for POST. */
  readonly repeatable?: boolean
  /** Statuses above 299 that the caller understands. */
  readonly accept?: readonly number[]
}

export interface CloudAnswer {
  readonly status: number
  readonly headers: Headers
  readonly bytes: Uint8Array
}

const passing = [408, 425, 429, 500, 502, 503, 504]
/** Refused before anything was done, so that also a POST may be repeated. */
const undone = [429, 503]
const longestWait = 30

/** One request, repeated with growing pauses while the cloud is busy. What went wrong becomes an error that says what to do. */
export async function cloudRequest(request: CloudRequest, options: RequestOptions = {}): Promise<CloudAnswer> {
  const { attempts = 5, backOff = 0.5, signal } = options
  const repeatable = request.repeatable ?? request.method !== 'POST'
  for (let attempt = 1; ; attempt++) {
    let wait = Math.min(longestWait, backOff * 2 ** (attempt - 1))
    try {
      const answer = await send(request, options)
      if (answer.status < 300 || request.accept?.includes(answer.status)) return answer
      const again = passing.includes(answer.status) && (repeatable || undone.includes(answer.status))
      const perhapsDone = !repeatable && !undone.includes(answer.status)
      if (!again || attempt >= attempts) throw refusal(request, answer, attempt, perhapsDone)
      wait = retryAfter(answer.headers) ?? wait
    } catch (cause) {
      signal?.throwIfAborted()
      if (QtError.isInstance(cause)) throw cause
      if (!repeatable || attempt >= attempts) throw unreachable(request, cause, repeatable)
    }
    // Clients that failed together shall not come back together.
    await pause(1000 * wait * (1 + Math.random() / 4), undefined, signal ? { signal } : {}).catch((error: unknown) => {
      signal?.throwIfAborted()
      throw error
    })
  }
}

/** The answer as JSON of a shape. */
export function answerOf<T>(answer: CloudAnswer, schema: z.ZodType<T>, what: string): T {
  const text = new TextDecoder().decode(answer.bytes)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw badAnswer(`${what} is no JSON`)
  }
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw badAnswer(`${what} is not of the documented form (${issue?.path.join('.') || 'the whole'}: ${issue?.message})`)
}

export const badAnswer = (message: string) =>
  new QtError({
    code: 'CLOUD_ANSWER',
    message: `An answer of the cloud cannot be used: ${message}.`,
    actions: ['Try again later; the job itself is kept by the cloud under its id.'],
  })

async function send(request: CloudRequest, { timeout = 60, signal }: RequestOptions): Promise<CloudAnswer> {
  const url = revealed(request.url)
  const headers = Object.entries(request.headers ?? {}).map(([name, value]): [string, string] => [name, revealed(value)])
  checkSafe(request, url)
  const late = AbortSignal.timeout(1000 * timeout)
  const response = await fetch(url, {
    method: request.method,
    headers: [['user-agent', 'qt-quantum'], ...headers],
    // A redirect would carry keys to another host.
    redirect: 'manual',
    signal: signal ? AbortSignal.any([signal, late]) : late,
    ...(request.body === undefined
      ? {}
      : { body: typeof request.body === 'string' ? request.body : new Uint8Array(request.body) }),
  })
  return { status: response.status, headers: response.headers, bytes: new Uint8Array(await response.arrayBuffer()) }
}

const revealed = (value: string | Secret): string => (value instanceof Secret ? value.reveal() : value)

/** Secrets leave the machine encrypted or not at all. */
function checkSafe({ service }: CloudRequest, url: string): void {
  const { protocol, hostname } = URL.canParse(url) ? new URL(url) : { protocol: '', hostname: '' }
  const here = hostname === 'localhost' || hostname === '127.0.0.1' || hostname === '[::1]'
  if (protocol === 'https:' || (protocol === 'http:' && here)) return
  throw usageError('CLOUD_ADDRESS', `The address of ${service} is none that begins with https://.`, {
    actions: ['Correct the endpoint: keys are sent over encrypted connections only.'],
  })
}

/** Seconds, by a number or a date; no more than a wait of ours. */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after')
  if (text === null) return undefined
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) ? Math.min(longestWait, Math.max(0, seconds)) : undefined
}

/** Where a request went, without the query, which may be a signature. */
const placeOf = (request: CloudRequest): string => {
  const { origin, pathname } = new URL(revealed(request.url))
  return `${request.method} ${origin}${pathname}`
}

const listFirst = 'It may have received the request all the same: list the latest jobs before you submit again.'

function refusal(request: CloudRequest, answer: CloudAnswer, attempts: number, perhapsDone: boolean): QtError {
  const said = reasonOf(request, answer)
  const message = (what: string) =>
    `${request.service} ${what} (${answer.status}, ${placeOf(request)})${said ? `: ${said}` : '.'}`
  const { status } = answer
  if (status === 401 || status === 403)
    return new QtError({
      code: 'CLOUD_UNAUTHORISED',
      message: message('does not accept the credentials'),
      actions: ['Check that the key or token is current and belongs to this workspace or project.'],
    })
  if (status === 404)
    return new QtError({
      code: 'CLOUD_NOT_FOUND',
      message: message('knows nothing there'),
      actions: ['Check the names and the id; finished jobs are deleted after a while.'],
    })
  if (passing.includes(status))
    return new QtError({
      code: 'CLOUD_BUSY',
      message: message(`was still busy after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`),
      actions: [perhapsDone ? listFirst : 'Try again later; a job that was submitted goes on and is found by its id.'],
    })
  return new QtError({
    code: 'CLOUD_REFUSED',
    message: message('refuses the request'),
    actions: ['Correct what the message names.'],
  })
}

/** What the other side says, in at most a line. */
function reasonOf(request: CloudRequest, { bytes }: CloudAnswer): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 4096))
  const found =
    /"(?:message|error_msg|error_description)"\s*:\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ??
    /<Code>([^<]*)<\/Code>/.exec(text)?.[1]
  const secrets = Object.values(request.headers ?? {}).flatMap((value) => (value instanceof Secret ? [value.reveal()] : []))
  const query = new URL(revealed(request.url)).search.slice(1)
  const bearers = secrets.flatMap((secret) => (secret.startsWith('Bearer ') ? [secret.slice(7)] : []))
  return withoutSecrets(found ?? '', [query, ...bearers, ...secrets])
    .slice(0, 300)
    .replace(/\\[rn]/g, ' ')
}

function unreachable(request: CloudRequest, cause: unknown, repeatable: boolean): QtError {
  const late = cause instanceof Error && cause.name === 'TimeoutError'
  const why = late ? 'it did not answer in time' : messageOf(cause instanceof Error && cause.cause ? cause.cause : cause)
  return new QtError({
    code: 'CLOUD_UNREACHABLE',
    message: `${request.service} cannot be reached (${placeOf(request)}): ${why}.`,
    actions: repeatable ? ['Check the network and the address, and try again.'] : [listFirst],
  })
}
