import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Context, sendJson } from './endpoints/context.js'
import { answerError, handle, pathOf } from './handle.js'
import { ApiError, toApiError } from './http/api-error.js'
import type { ServeOptions } from './options.js'

type Shared = Omit<Context, 'requestId' | 'response' | 'signal'>

interface Settings extends Pick<ServeOptions, 'onError' | 'onRequest'> {
  readonly shared: Shared
  authorise(request: IncomingMessage): void
}

export interface Requests {
  listener(request: IncomingMessage, response: ServerResponse): void
  /** Begins to refuse, lets those in hand end within a time, then stops them. */
  close(graceSeconds: number): Promise<void>
}

const clientGone = new Error('The client has gone.')
const shutDown = () => new ApiError(503, 'shutting_down', 'The server is shutting down.', { headers: { connection: 'close' } })

/** The life of requests: an id, a signal, a time limit, an answer or an error, a line in the log. */
export function requests({ shared, authorise, onError, onRequest }: Settings): Requests {
  const inHand = new Set<AbortController>()
  let closing = false

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const started = performance.now()
    const requestId = randomUUID().replaceAll('-', '')
    const controller = new AbortController()
    const { seconds } = shared.limits
    const timer = setTimeout(
      () =>
        controller.abort(
          new ApiError(504, 'timeout', `The answer took longer than the ${seconds} seconds that this server gives.`),
        ),
      seconds * 1000,
    )
    inHand.add(controller)
    response.setHeader('x-request-id', requestId)
    response.once('close', () => {
      if (!response.writableFinished) controller.abort(clientGone)
      clearTimeout(timer)
      inHand.delete(controller)
      const status = response.writableFinished ? response.statusCode : 499
      onRequest?.({
        id: requestId,
        method: request.method ?? '',
        path: pathOf(request),
        status,
        seconds: (performance.now() - started) / 1000,
      })
    })
    const failure = (thrown: unknown): ApiError => {
      const { reason } = controller.signal
      const error = toApiError(controller.signal.aborted && reason instanceof ApiError ? reason : thrown)
      if (error.status === 500 && reason !== clientGone) onError?.(thrown, requestId)
      return error
    }
    try {
      if (pathOf(request) === '/health') {
        const { active, waiting } = shared.gate
        return sendJson(response, closing ? 503 : 200, { status: closing ? 'closing' : 'ok', active, waiting })
      }
      if (closing) throw shutDown()
      authorise(request)
      await handle({ ...shared, requestId, response, signal: controller.signal }, request)
    } catch (thrown) {
      answerError(response, failure(thrown))
    }
  }

  return {
    listener: (request, response) => void serve(request, response),
    async close(graceSeconds) {
      closing = true
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.min(graceSeconds * 1000, 2 ** 31 - 1))
      })
      const empty = shared.gate.close()
      await Promise.race([empty, patience])
      clearTimeout(timer)
      for (const controller of inHand) controller.abort(shutDown())
      await empty
    },
  }
}
