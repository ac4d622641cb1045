import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { ApiError } from './api-error.js'

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
const loopback = /^(localhost|127(?:\.\d{1,3}){3}|\[::1\])(:\d+)?$/i

/** Whether an address can be reached from this machine only. */
export const isLoopback = (host: string): boolean => host === '::1' || loopback.test(host)

/** Lets in requests that carry one of the tokens; without tokens, on a loopback address, those that name this machine. */
export function authorise(tokens: readonly string[], { local }: { local: boolean }): (request: IncomingMessage) => void {
  const known = tokens.map(digest)
  return ({ headers }) => {
    if (known.length === 0) {
      // A name of somebody else's that points here (DNS rebinding) would let web pages in.
      if (local && headers.host !== undefined && !loopback.test(headers.host))
        throw new ApiError(403, 'host_not_allowed', 'This server answers requests to localhost only.')
      return
    }
    const [, token] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
    if (token === undefined)
      throw new ApiError(401, 'missing_api_key', 'The request needs a header "Authorization: Bearer TOKEN".', {
        headers: { 'www-authenticate': 'Bearer' },
      })
    const given = digest(token)
    // All are compared, so that time tells nothing.
    if (known.filter((one) => timingSafeEqual(one, given)).length === 0)
      throw new ApiError(401, 'invalid_api_key', 'The token is not one of this server.', {
        headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
      })
  }
}
