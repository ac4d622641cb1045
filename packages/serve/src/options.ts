import type { GenerateOptions } from '@qt/core'
import { usageError } from '@qt/core'

export interface Limits {
  /** Of a request's body. */
  readonly bodyBytes: number
  /** Requests answered at the same time. */
  readonly concurrent: number
  /** Requests that may wait for their turn; more are answered with 429. */
  readonly queue: number
  /** Longest answer. A request for more is refused; one that names no length gets at most this. */
  readonly maxTokens: number
  /** Answers to one request (`n`), and texts in one (`prompt`, `input`). */
  readonly choices: number
  /** For one request, waiting included. */
  readonly seconds: number
}

export const defaultLimits: Limits = {
  bodyBytes: 4_000_000,
  concurrent: 8,
  queue: 64,
  maxTokens: 2048,
  choices: 64,
  seconds: 600,
}

/** What a request that names none of them gets; left out: the model's own. */
export type AnswerDefaults = Pick<
  GenerateOptions,
  'temperature' | 'topP' | 'topK' | 'minP' | 'repetitionPenalty' | 'seed' | 'maxTokens'
>

/** How a model says that it calls tools: in brackets, as its chat template lays down, or whichever its template suggests. */
export type ToolForm = 'brackets' | 'template' | 'auto'

export interface ServeOptions {
  /** Default 8080; 0 takes one that is free. */
  readonly port?: number
  /** Default 127.0.0.1: this machine only. */
  readonly host?: string
  /** Requests must carry one of them: `Authorization: Bearer TOKEN`. */
  readonly tokens?: readonly string[]
  /** Listen on an address that others can reach without asking for a token. */
  readonly open?: boolean
  readonly limits?: Partial<Limits>
  readonly defaults?: AnswerDefaults
  readonly toolForm?: ToolForm
  /** What failed inside, with the id that the client was given. */
  readonly onError?: (error: unknown, requestId: string) => void
  /** Each answer, when it is over. */
  readonly onRequest?: (request: ServedRequest) => void
  readonly signal?: AbortSignal
}

export interface ServedRequest {
  readonly id: string
  readonly method: string
  readonly path: string
  /** 499: the client went away. */
  readonly status: number
  readonly seconds: number
}

/** The least that a limit can be, where that is not 1. */
const leastOf: Readonly<Record<string, number>> = { queue: 0, seconds: 0.001 }

/** The most: a timer takes no more milliseconds than 2³¹ − 1. */
const mostOf: Readonly<Record<string, number>> = { seconds: 2_147_483 }

/** The limits with their defaults; each must be a number that makes sense. */
export function limitsOf(given: Partial<Limits> = {}): Limits {
  const limits = { ...defaultLimits, ...given }
  for (const [name, value] of Object.entries(limits)) {
    const [least, most = Number.POSITIVE_INFINITY] = [leastOf[name] ?? 1, mostOf[name]]
    if (Number.isFinite(value) && value >= least && value <= most && (name === 'seconds' || Number.isInteger(value))) continue
    throw usageError('SERVE_LIMIT', `The limit ${name} cannot be ${value}.`, {
      where: { field: `limits.${name}` },
      actions: [
        `Give a ${name === 'seconds' ? 'number' : 'whole number'} from ${least} ${Number.isFinite(most) ? `to ${most}` : 'on'}.`,
      ],
    })
  }
  return limits
}
