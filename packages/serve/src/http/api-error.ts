import { messageOf, QtError } from '@qt/core'

/** An answer that is an error, in OpenAI's form. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    code: string,
    message: string,
    { param = null, headers = {} }: { param?: string | null; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.status = status
    this.code = code
    this.param = param
    this.headers = headers
  }

  toJSON() {
    return { error: { message: this.message, type: typeOf(this.status), param: this.param, code: this.code } }
  }
}

/** What OpenAI calls the errors of a status. */
function typeOf(status: number): string {
  if (status === 401) return 'authentication_error'
  if (status === 403) return 'permission_error'
  if (status === 429) return 'rate_limit_error'
  return status < 500 ? 'invalid_request_error' : 'server_error'
}

/** 400 with the parameter that is wrong. */
export const badRequest = (message: string, param: string | null = null, code = 'invalid_value'): ApiError =>
  new ApiError(400, code, message, { param })

const closing = new Set(['MODEL_CLOSED'])

/** Anything thrown as an answer. What is wrong inside stays inside: clients learn no paths and see no stack. */
export function toApiError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown
  if (!QtError.isInstance(thrown))
    return new ApiError(500, 'internal_error', 'The server failed at this request; its log says why.')
  const message = [messageOf(thrown), ...thrown.actions.map(({ label }) => label)].join(' ')
  if (closing.has(thrown.code)) return new ApiError(503, 'shutting_down', 'The server is shutting down.')
  if (thrown.code === 'GPU_FULL') return new ApiError(503, 'gpu_full', message, { headers: { 'retry-after': '1' } })
  if (thrown.kind !== 'usage') return new ApiError(500, thrown.code.toLowerCase(), message)
  const code = thrown.code === 'PROMPT_TOO_LONG' ? 'context_length_exceeded' : thrown.code.toLowerCase()
  return new ApiError(400, code, message, { param: thrown.where?.field ?? null })
}
