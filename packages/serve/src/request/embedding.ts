import { z } from 'zod'

export const embeddingRequest = z.object({
  model: z.string(),
  input: z.union([z.string(), z.array(z.string()).min(1)], { error: 'input must be text, or a list of texts' }),
  encoding_format: z.enum(['float', 'base64']).optional(),
  dimensions: z.int().min(1).optional(),
})
