import { type ChatMessage, type GenerateOptions, type Generation, type LanguageModel, QtError } from '@qt/core'

export interface Answer extends Generation {
  /** Messages that were left out at the beginning, because the model's context does not hold all. */
  readonly dropped: number
}

/** The likeliest answer. Where the context is too long for the model, the oldest turns are left out, as a chat would; what the system says stays. */
export async function answerTo(
  model: LanguageModel,
  context: readonly ChatMessage[],
  options: Pick<GenerateOptions, 'maxTokens' | 'signal'>,
): Promise<Answer> {
  const starts = beginnings(context)
  for (let i = 0; ; i++)
    try {
      const kept = context.filter(({ role }, index) => role === 'system' || index >= starts[i]!)
      const answer = await model.generate(kept, { ...options, temperature: 0 })
      return { ...answer, dropped: context.length - kept.length }
    } catch (error) {
      if (!QtError.isInstance(error) || error.code !== 'PROMPT_TOO_LONG' || i + 1 === starts.length) throw error
    }
}

/** Where a conversation may begin: at its start, and at every later question. */
const beginnings = (context: readonly ChatMessage[]): number[] => [
  0,
  ...context.flatMap(({ role }, index) =>
    role === 'user' && context.slice(0, index).some((before) => before.role !== 'system') ? [index] : [],
  ),
]
