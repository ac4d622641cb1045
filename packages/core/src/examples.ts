import { z } from 'zod'
import { chatMessageSchema, toolDefinitionSchema } from './chat.js'

const provenance = { id: z.string().optional(), source: z.string().optional(), category: z.string().optional() }

export const chatExampleSchema = z.object({
  messages: z.array(chatMessageSchema).min(1),
  tools: z.array(toolDefinitionSchema).optional(),
  ...provenance,
})
export const instructionExampleSchema = z.object({
  instruction: z.string(),
  input: z.string().default(''),
  output: z.string(),
  system: z.string().optional(),
  ...provenance,
})
export const preferenceExampleSchema = z.object({
  prompt: z.array(chatMessageSchema),
  chosen: z.string(),
  rejected: z.string(),
  ...provenance,
})
export const textExampleSchema = z.object({ text: z.string(), ...provenance })

/** Already tokenised: labels default to the ids, -100 marks what is not trained on. */
export const tokenExampleSchema = z.object({
  input_ids: z.array(z.number().int().nonnegative()),
  labels: z.array(z.number().int()).optional(),
})

export type ChatExample = z.infer<typeof chatExampleSchema>
export type InstructionExample = z.infer<typeof instructionExampleSchema>
export type PreferenceExample = z.infer<typeof preferenceExampleSchema>
export type TextExample = z.infer<typeof textExampleSchema>
export type TokenExample = z.infer<typeof tokenExampleSchema>

/** The label of a token that carries no loss. */
export const ignoreLabel = -100

/** One row the trainer sees: documents lie side by side, `documents` holds their borders (first 0, last the length). */
export interface PackedRow {
  readonly ids: Int32Array
  /** The label of position i is the token to be predicted from it, already shifted; `ignoreLabel` where there is no loss. */
  readonly labels: Int32Array
  readonly documents: Int32Array
  /** How much the loss of each position counts; left out: 1. */
  readonly weights?: Float32Array
}
