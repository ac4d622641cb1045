import { z } from 'zod'
import { samplingShape } from './sampling.js'

const ids = z.array(z.int().min(0)).min(1)

export const completionRequest = z.object({
  ...samplingShape,
  prompt: z.union([z.string(), ids, z.array(z.string()).min(1), z.array(ids).min(1)], {
    error: 'prompt must be text, token ids, or a list of either',
  }),
  logprobs: z.int().min(0).max(20).optional(),
  echo: z.boolean().optional(),
  best_of: z.literal(1, { error: 'best_of is not supported' }).optional(),
  suffix: z.literal('', { error: 'suffix is not supported' }).optional(),
})
export type CompletionRequest = z.infer<typeof completionRequest>
