import type { IncomingMessage } from 'node:http'
import { messageOf } from '@qt/core'
import { ApiError, badRequest } from './api-error.js'

const tooLarge = (most: number): ApiError =>
  new ApiError(413, 'request_too_large', `The request is larger than the ${most} bytes that this server takes.`, {
    headers: { connection: 'close' },
  })

/**
 * The body of a request as JSON, never more of it than `most` bytes. Only application/json is read: a web page of somebody else
 * cannot send that without asking first.
 */
export async function readJson(request: IncomingMessage, most: number): Promise<unknown> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json')
    throw new ApiError(415, 'unsupported_media_type', 'The request must be of the type application/json.', {
      headers: { connection: 'close' },
    })
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge(most)
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of request) {
    const buffer = Buffer.from(piece)
    bytes += buffer.length
    if (bytes > most) throw tooLarge(most)
    pieces.push(buffer)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces)))
  } catch (error) {
    throw badRequest(`The request is not JSON: ${messageOf(error)}`, null, 'invalid_json')
  }
}
