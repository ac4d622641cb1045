import { nearest } from '@qt/core'
import type { z } from 'zod'
import { badRequest } from '../http/api-error.js'

/** What clients send along, and what changes no answer here. */
const harmless = new Set([
  'user',
  'metadata',
  'store',
  'service_tier',
  'parallel_tool_calls',
  'safety_identifier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'reasoning_effort',
  'verbosity',
])

/** A request as its schema describes it; an error names the parameter. */
export function parseRequest<T>(schema: z.ZodObject & z.ZodType<T>, body: unknown): T {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw badRequest('The request must be a JSON object.')
  const known = Object.keys(schema.shape)
  // OpenAI's clients write null for what is left out.
  const given = Object.fromEntries(Object.entries(body).filter(([key, value]) => value !== null && !harmless.has(key)))
  const unknown = Object.keys(given).find((key) => !known.includes(key))
  if (unknown !== undefined) {
    const near = nearest(unknown, known)
    throw badRequest(
      `There is no parameter "${unknown.slice(0, 100)}" here.${near === undefined ? '' : ` Did you mean "${near}"?`}`,
      unknown.slice(0, 100),
      'unknown_parameter',
    )
  }
  const parsed = schema.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const param = issue!.path.map(String).join('.')
  throw badRequest(`${param || 'The request'}: ${issue!.message}.`, param || null)
}
