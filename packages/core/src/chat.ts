import { z } from 'zod'

export const toolCallSchema = z.object({
  id: z.string().optional(),
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).default({}),
})
export type ToolCall = z.infer<typeof toolCallSchema>

export const chatMessageSchema = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string(),
  name: z.string().optional(),
  toolCalls: z.array(toolCallSchema).optional(),
  toolCallId: z.string().optional(),
  /** 0: this turn is not trained on (OpenAI's fine-tuning format). */
  weight: z.union([z.literal(0), z.literal(1)]).optional(),
  /**
   * The parts of the content that are trained on, from and to as JavaScript counts (UTF-16); the end of the turn belongs
   * to a part that reaches the content's. Left out: all of it.
   */
  learn: z.array(z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()])).optional(),
})
export type ChatMessage = z.infer<typeof chatMessageSchema>

export const toolDefinitionSchema = z.object({
  name: z.string(),
  description: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
})
export type ToolDefinition = z.infer<typeof toolDefinitionSchema>
