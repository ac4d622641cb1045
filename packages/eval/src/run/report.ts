import { z } from 'zod'
import type { aggregates } from '../metric/metric.js'

/** JSON has no infinity; the only one that items have is the −log p of what is impossible. */
const statistics = z.array(z.union([z.number(), z.null().transform(() => Number.POSITIVE_INFINITY)])).readonly()

/** JSON has no number for what is none. */
const figure = z.union([z.number(), z.null().transform(() => Number.NaN)])

const itemSchema = z.object({
  id: z.string(),
  scores: z.record(z.string(), statistics),
  right: z.boolean().optional(),
  prompt: z.string().optional(),
  output: z.string().optional(),
  expected: z.string().optional(),
  explanation: z.string().optional(),
  confusion: z
    .array(z.tuple([z.string(), z.string()]).readonly())
    .readonly()
    .optional(),
  tokens: z.number().optional(),
  /** What went wrong, where the item could not be measured. */
  error: z.string().optional(),
  seconds: z.number(),
})

const metricSchema = z.object({
  name: z.string(),
  aggregate: z.enum(['mean', 'exp mean', 'bleu'] satisfies (keyof typeof aggregates)[]),
  higherIsBetter: z.boolean(),
  share: z.boolean().optional(),
  value: figure,
  low: figure,
  high: figure,
  items: z.number(),
})

const suiteSchema = z.object({
  name: z.string(),
  metrics: z.array(metricSchema),
  items: z.array(itemSchema),
  /** How many items there are; more than `items` has where the run was stopped. */
  total: z.number(),
})

/** What a run leaves behind: everything that reports and comparisons are made of. */
export const reportSchema = z.object({
  format: z.literal('qt-eval-1'),
  model: z.string(),
  /** What tells this model from others: a hash of its files, or its address and name. */
  modelId: z.string(),
  seed: z.number(),
  suites: z.array(suiteSchema),
  tokens: z.number(),
  seconds: z.number(),
  /** Largest memory of this process, in bytes. */
  peakMemory: z.number(),
  cost: z.number().optional(),
  /** What judges generated, where there were some. */
  judgeTokens: z.number().optional(),
  /** Why it ended before its end. */
  stopped: z.string().optional(),
})

export type ItemReport = Readonly<z.infer<typeof itemSchema>>
export type MetricReport = Readonly<z.infer<typeof metricSchema>>
export type SuiteReport = Readonly<z.infer<typeof suiteSchema>>
export type RunReport = Readonly<z.infer<typeof reportSchema>>
