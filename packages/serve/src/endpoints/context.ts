import type { ServerResponse } from 'node:http'
import type { LanguageModel } from '@qt/core'
import { ApiError } from '../http/api-error.js'
import type { Gate } from '../http/gate.js'
import type { AnswerDefaults, Limits, ToolForm } from '../options.js'

export interface Served {
  readonly id: string
  readonly model: LanguageModel
  /** When it was loaded, in seconds since 1970. */
  readonly created: number
}

/** What an endpoint works with. */
export interface Context {
  readonly requestId: string
  readonly models: ReadonlyMap<string, Served>
  readonly limits: Limits
  readonly defaults: AnswerDefaults
  readonly toolForm: ToolForm
  readonly gate: Gate
  readonly response: ServerResponse
  /** Aborts when the client has gone, time is over, or the server shuts down. */
  readonly signal: AbortSignal
}

export function servedModel({ models }: Context, id: string): Served {
  const found = models.get(id)
  if (found) return found
  throw new ApiError(
    404,
    'model_not_found',
    `There is no model "${id.slice(0, 200)}" here; there is ${[...models.keys()].join(', ')}.`,
    {
      param: 'model',
    },
  )
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const bytes = Buffer.from(JSON.stringify(body))
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers }).end(bytes)
}
