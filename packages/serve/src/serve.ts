import { once } from 'node:events'
import { createServer } from 'node:http'
import { QtError, usageError } from '@qt/core'
import { authorise, isLoopback } from './http/authorise.js'
import { gate } from './http/gate.js'
import { openModels, type ServedInput } from './open-models.js'
import { limitsOf, type ServeOptions } from './options.js'
import { requests } from './requests.js'

export interface ModelServer {
  /** With the port that was taken: http://127.0.0.1:8080 */
  readonly url: string
  readonly port: number
  /** Names of the models. */
  readonly models: readonly string[]
  /** Takes no more requests, lets those in hand end (for 10 seconds unless told), then stops them. */
  close(options?: { graceSeconds?: number }): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Connections beyond the requests that are answered or wait: idle ones of clients. */
const spareConnections = 256

/**
 * Serves models over HTTP as OpenAI's API does: chats, completions, embeddings.
 *
 * @example
 * ```ts
 * const server = await serve('model.gguf', { port: 8080 })
 * console.log(`${server.url}/v1`) // the base URL for any OpenAI client
 * await server.close()
 * ```
 */
export async function serve(models: ServedInput | readonly ServedInput[], options: ServeOptions = {}): Promise<ModelServer> {
  const { port = 8080, host = '127.0.0.1', tokens = [], toolForm = 'auto', defaults = {}, signal } = options
  const limits = limitsOf(options.limits)
  const local = isLoopback(host)
  if (tokens.some((token) => !/^\S+$/.test(token)))
    throw usageError('SERVE_TOKEN', 'A token is empty or has blanks in it.', {
      actions: ['Use tokens of letters, digits and signs.'],
    })
  if (!local && tokens.length === 0 && options.open !== true)
    throw usageError('SERVE_OPEN', `At ${host} everybody who reaches this machine could use the model.`, {
      actions: ['Give tokens, which requests must then carry.', 'Or say that this is meant: open (--open).'],
    })
  const opened = await openModels(isList(models) ? models : [models], signal)
  const inside = gate(limits.concurrent, limits.queue)
  const { listener, close: closeRequests } = requests({
    shared: { models: opened.models, limits, defaults, toolForm, gate: inside },
    authorise: authorise(tokens, { local }),
    ...(options.onError ? { onError: options.onError } : {}),
    ...(options.onRequest ? { onRequest: options.onRequest } : {}),
  })
  // Heads and bodies must come in time, so that nobody keeps a connection by sending slowly.
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 60_000, keepAliveTimeout: 30_000 }, listener)
  server.maxConnections = limits.concurrent + limits.queue + spareConnections
  try {
    server.listen(port, host)
    await once(server, 'listening', signal ? { signal } : {})
  } catch (cause) {
    server.close()
    await opened.close()
    throw portProblem(cause, port, host)
  }
  const address = server.address()
  const taken = typeof address === 'object' && address !== null ? address.port : port

  let closed: Promise<void> | undefined
  async function shut(graceSeconds: number): Promise<void> {
    const listening = new Promise<void>((resolve) => server.close(() => resolve()))
    await closeRequests(graceSeconds)
    server.closeIdleConnections()
    // Last answers are on their way; nobody may hold the door open.
    const timer = setTimeout(() => server.closeAllConnections(), 1000)
    await listening
    clearTimeout(timer)
    await opened.close()
  }
  const close: ModelServer['close'] = ({ graceSeconds = 10 } = {}) => {
    closed ??= shut(graceSeconds)
    return closed
  }
  signal?.addEventListener('abort', () => void close(), { once: true })
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    port: taken,
    models: [...opened.models.keys()],
    close,
    [Symbol.asyncDispose]: () => close(),
  }
}

const isList = (models: ServedInput | readonly ServedInput[]): models is readonly ServedInput[] => Array.isArray(models)

function portProblem(cause: unknown, port: number, host: string): unknown {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  const known: Readonly<Record<string, string>> = {
    EADDRINUSE: `Port ${port} of ${host} is taken by another program.`,
    ERR_SOCKET_BAD_PORT: `${port} is no port: they go from 0 to 65535.`,
    EACCES: `Port ${port} may not be used by you.`,
    EADDRNOTAVAIL: `${host} is no address of this machine.`,
    ENOTFOUND: `${host} is no address of this machine.`,
  }
  const message = typeof code === 'string' ? known[code] : undefined
  if (message === undefined) return cause
  return new QtError({
    code: 'SERVE_PORT',
    message,
    kind: 'usage',
    actions: ['Choose another: --port 0 takes one that is free.'],
    cause,
  })
}
