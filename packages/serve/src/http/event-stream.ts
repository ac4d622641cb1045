import { once } from 'node:events'
import type { ServerResponse } from 'node:http'

export interface EventStream {
  /** One event; waits when the client reads slowly. */
  send(data: unknown): Promise<void>
  end(): void
}

/** Server-sent events as OpenAI writes them: `data: JSON`, at the end `data: [DONE]`. */
export function eventStream(response: ServerResponse, signal: AbortSignal): EventStream {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
  })
  return {
    async send(data) {
      signal.throwIfAborted()
      if (!response.write(`data: ${JSON.stringify(data)}\n\n`)) await once(response, 'drain', { signal })
    },
    end() {
      response.end('data: [DONE]\n\n')
    },
  }
}
