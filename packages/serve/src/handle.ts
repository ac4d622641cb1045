import type { IncomingMessage, ServerResponse } from 'node:http'
import { chat } from './endpoints/chat.js'
import { completions } from './endpoints/completions.js'
import { type Context, sendJson } from './endpoints/context.js'
import { embeddings } from './endpoints/embeddings.js'
import { listModels, showModel } from './endpoints/models.js'
import { ApiError, badRequest } from './http/api-error.js'
import { readJson } from './http/read-json.js'

type Answer = (context: Context, request: IncomingMessage) => void | Promise<void>

const posted =
  (answer: (context: Context, body: unknown) => Promise<void>): Answer =>
  async (context, request) =>
    answer(context, await readJson(request, context.limits.bodyBytes))

const routes: Readonly<Record<string, Readonly<Record<string, Answer>>>> = {
  '/v1/models': { GET: listModels },
  '/v1/chat/completions': { POST: posted(chat) },
  '/v1/completions': { POST: posted(completions) },
  '/v1/embeddings': { POST: posted(embeddings) },
}

/** Answers one request, or throws. */
export async function handle(context: Context, request: IncomingMessage): Promise<void> {
  const path = pathOf(request)
  const [, model] = /^\/v1\/models\/(.+)$/.exec(path) ?? []
  const methods = model === undefined ? routes[path] : { GET: (context: Context) => showModel(context, decoded(model)) }
  if (!methods) throw new ApiError(404, 'unknown_url', `There is nothing at ${path.slice(0, 200)}.`)
  const answer = methods[request.method ?? '']
  const allow = Object.keys(methods).join(', ')
  if (!answer) throw new ApiError(405, 'method_not_allowed', `${path} takes ${allow}.`, { headers: { allow } })
  await answer(context, request)
}

export const pathOf = ({ url = '/' }: IncomingMessage): string => url.split(/[?#]/)[0]!.replace(/(.)\/$/, '$1')

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw badRequest('The name of the model is not a valid part of an address.', 'model')
  }
}

/** An error as an answer, or as the last event of a stream that has begun. */
export function answerError(response: ServerResponse, error: ApiError): void {
  if (response.destroyed) return
  if (!response.headersSent) sendJson(response, error.status, error, error.headers)
  else response.end(`data: ${JSON.stringify(error)}\n\n`)
}
