import { z } from 'zod'

const base = { time: z.string() }
const count = z.number().int().nonnegative()

export const startEventSchema = z.object({
  ...base,
  type: z.literal('start'),
  config: z.record(z.string(), z.unknown()),
  plan: z.array(z.object({ part: z.string(), bytes: z.number() })),
  versions: z.record(z.string(), z.string()),
  /** Optimiser steps that the whole run will take, unless it stops early. */
  steps: count.optional(),
  /** Of the job, where there is more than one. */
  processes: count.optional(),
  resumedFrom: count.optional(),
})
export const stepEventSchema = z.object({
  ...base,
  type: z.literal('step'),
  step: z.number().int().positive(),
  epoch: z.number(),
  /** Mean over the trainable tokens of the whole accumulation window; a step whose loss is not finite is an anomaly instead. */
  loss: z.number(),
  /** Before clipping. */
  gradNorm: z.number(),
  learningRate: z.number(),
  /** Trained on so far. */
  tokens: count,
  tokensPerSecond: z.number(),
  /** Peak resident bytes, of the process that has the most. */
  memory: count,
  /** What it takes of a GPU's memory. */
  deviceMemory: count.optional(),
})
export const validationEventSchema = z.object({
  ...base,
  type: z.literal('validation'),
  step: count,
  loss: z.number(),
  perplexity: z.number(),
  tokenAccuracy: z.number(),
})
export const checkpointEventSchema = z.object({ ...base, type: z.literal('checkpoint'), step: count, path: z.string() })
export const anomalyEventSchema = z.object({
  ...base,
  type: z.literal('anomaly'),
  step: count,
  kind: z.string(),
  message: z.string(),
})
export const messageEventSchema = z.object({
  ...base,
  type: z.literal('message'),
  level: z.enum(['info', 'warning']),
  message: z.string(),
})
export const pausedEventSchema = z.object({ ...base, type: z.literal('paused'), step: count, checkpoint: z.string() })
export const endEventSchema = z.object({
  ...base,
  type: z.literal('end'),
  why: z.enum(['completed', 'early-stopping', 'anomaly']),
  steps: count,
  tokens: count,
  seconds: z.number(),
  loss: z.number().nullable(),
})

/** Every event of a run; a reader ignores types it does not know. */
export const runEventSchema = z.discriminatedUnion('type', [
  startEventSchema,
  stepEventSchema,
  validationEventSchema,
  checkpointEventSchema,
  anomalyEventSchema,
  messageEventSchema,
  pausedEventSchema,
  endEventSchema,
])

export type RunEvent = z.infer<typeof runEventSchema>
export type StepEvent = z.infer<typeof stepEventSchema>
export type ValidationEvent = z.infer<typeof validationEventSchema>
export type EndEvent = z.infer<typeof endEventSchema>

/** One line of events.jsonl; undefined for a torn line or a type this version does not know. */
export function parseEvent(line: string): RunEvent | undefined {
  try {
    return runEventSchema.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
