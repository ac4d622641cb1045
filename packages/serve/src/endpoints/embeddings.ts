import { ApiError, badRequest } from '../http/api-error.js'
import { embeddingRequest } from '../request/embedding.js'
import { parseRequest } from '../request/parse.js'
import { type Context, sendJson, servedModel } from './context.js'

/** POST /v1/embeddings: the mean of the last hidden states, of length 1. */
export async function embeddings(context: Context, body: unknown): Promise<void> {
  const request = parseRequest(embeddingRequest, body)
  const { id, model } = servedModel(context, request.model)
  const { embedder, tokenizer } = model
  if (!embedder)
    throw new ApiError(501, 'embeddings_unsupported', `${id} does not show its hidden states, so it has no embeddings.`, {
      param: 'model',
    })
  const texts = typeof request.input === 'string' ? [request.input] : request.input
  if (texts.length > context.limits.choices) throw badRequest(`There can be ${context.limits.choices} texts at most.`, 'input')
  if (request.dimensions !== undefined && request.dimensions !== embedder.dimensions)
    throw badRequest(`The embeddings of ${id} have ${embedder.dimensions} dimensions.`, 'dimensions')
  const leave = await context.gate.enter(context.signal)
  try {
    const vectors = (await embedder.embed(texts, { signal: context.signal })).map(unit)
    const data = vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: request.encoding_format === 'base64' ? base64(vector) : [...vector],
    }))
    const tokens = texts.reduce((sum, text) => sum + (tokenizer?.encode(text).length ?? 0), 0)
    sendJson(context.response, 200, { object: 'list', data, model: id, usage: { prompt_tokens: tokens, total_tokens: tokens } })
  } finally {
    leave()
  }
}

function unit(vector: Float32Array): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
  return length === 0 ? vector : vector.map((value) => value / length)
}

/** float32, little end first. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, i) => void bytes.writeFloatLE(value, i * 4))
  return bytes.toString('base64')
}
