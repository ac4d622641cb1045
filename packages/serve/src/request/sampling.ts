import { randomInt } from 'node:crypto'
import type { GenerateOptions } from '@qt/core'
import { z } from 'zod'
import { badRequest } from '../http/api-error.js'
import type { AnswerDefaults, Limits } from '../options.js'

const none = (what: string) => z.literal(0, { error: `${what} is not supported; use repetition_penalty` }).optional()

/** Parameters that chats and completions share; the last three are ours (and llama.cpp's, and vLLM's). */
export const samplingShape = {
  model: z.string(),
  n: z.int().min(1).optional(),
  stream: z.boolean().optional(),
  stream_options: z.object({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() }).optional(),
  stop: z.union([z.string(), z.array(z.string()).max(16)]).optional(),
  seed: z.int().optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().gt(0).max(1).optional(),
  max_tokens: z.int().min(0).optional(),
  frequency_penalty: none('frequency_penalty'),
  presence_penalty: none('presence_penalty'),
  logit_bias: z.record(z.string(), z.never({ error: 'logit_bias is not supported' })).optional(),
  top_k: z.int().min(0).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repetition_penalty: z.number().min(0.01).max(100).optional(),
  /** GBNF, as llama.cpp's server takes it. */
  grammar: z.string().optional(),
}

type Sampling = z.infer<z.ZodObject<typeof samplingShape>>

/** Options of each of the `n` answers, which differ in their seeds. */
export function generateOptions(
  request: Omit<Sampling, 'logit_bias'>,
  maxTokens: number | undefined,
  { limits, defaults }: { limits: Limits; defaults: AnswerDefaults },
): GenerateOptions[] {
  const { n = 1, stop, grammar } = request
  if (n > limits.choices) throw badRequest(`n can be ${limits.choices} at most.`, 'n')
  if (maxTokens !== undefined && maxTokens > limits.maxTokens)
    throw badRequest(`An answer can have ${limits.maxTokens} tokens at most here, not ${maxTokens}.`, 'max_tokens')
  // Answers without a seed differ from one request to the next, as clients expect.
  const seed = request.seed ?? defaults.seed ?? randomInt(2 ** 47)
  const options: GenerateOptions = {
    ...defined({
      temperature: request.temperature ?? defaults.temperature,
      topP: request.top_p ?? defaults.topP,
      topK: request.top_k ?? defaults.topK,
      minP: request.min_p ?? defaults.minP,
      repetitionPenalty: request.repetition_penalty ?? defaults.repetitionPenalty,
    }),
    maxTokens: maxTokens ?? Math.min(defaults.maxTokens ?? limits.maxTokens, limits.maxTokens),
    ...(stop === undefined ? {} : { stop: (typeof stop === 'string' ? [stop] : stop).filter((one) => one !== '') }),
    ...(grammar === undefined ? {} : { constraint: { grammar } }),
  }
  return Array.from({ length: n }, (_, i) => ({ ...options, seed: Math.abs(seed) + i }))
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** Without the keys that are undefined. */
function defined<T extends object>(values: T): Defined<T> {
  const out: Defined<T> = {}
  for (const key in values) {
    const value = values[key]
    if (value !== undefined) out[key] = value as Exclude<T[typeof key], undefined>
  }
  return out
}
