import { z } from 'zod'
import { samplingShape } from './sampling.js'

const textPart = z.object({ type: z.literal('text', { error: 'only parts of the type text can be read' }), text: z.string() })
const content = z.union([z.string(), z.array(textPart)], { error: 'content must be text, or parts of the type text' })

const toolCall = z.object({
  id: z.string(),
  type: z.literal('function').optional(),
  function: z.object({ name: z.string(), arguments: z.string() }),
})

const message = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.enum(['system', 'developer']), content, name: z.string().optional() }),
    z.object({ role: z.literal('user'), content, name: z.string().optional() }),
    z.object({
      role: z.literal('assistant'),
      content: content.nullish(),
      name: z.string().optional(),
      tool_calls: z.array(toolCall).nullish(),
      refusal: z.null().optional(),
    }),
    z.object({ role: z.literal('tool'), content, tool_call_id: z.string().optional(), name: z.string().optional() }),
  ],
  { error: 'a message has a role (system, developer, user, assistant or tool) and content' },
)
export type RequestMessage = z.infer<typeof message>

const schemaObject = z.record(z.string(), z.unknown())
const tool = z.object({
  type: z.literal('function', { error: 'only tools of the type function can be called' }),
  function: z.object({
    name: z.string().regex(/^[\w-]{1,64}$/, 'a name has 1 to 64 letters, digits, _ and -'),
    description: z.string().optional(),
    parameters: schemaObject.optional(),
    strict: z.boolean().nullish(),
  }),
})
export type RequestTool = z.infer<typeof tool>

export const chatRequest = z.object({
  ...samplingShape,
  messages: z.array(message).min(1, 'there must be a message'),
  max_completion_tokens: z.int().min(1).optional(),
  logprobs: z.boolean().optional(),
  top_logprobs: z.int().min(0).max(20).optional(),
  tools: z.array(tool).max(128).optional(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.object({ type: z.literal('function'), function: z.object({ name: z.string() }) }),
    ])
    .optional(),
  response_format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text') }),
      z.object({ type: z.literal('json_object') }),
      z.object({
        type: z.literal('json_schema'),
        json_schema: z.object({
          name: z.string().optional(),
          description: z.string().optional(),
          schema: schemaObject,
          strict: z.boolean().nullish(),
        }),
      }),
    ])
    .optional(),
  modalities: z.tuple([z.literal('text')], { error: 'only text can be answered' }).optional(),
})
export type ChatRequest = z.infer<typeof chatRequest>
