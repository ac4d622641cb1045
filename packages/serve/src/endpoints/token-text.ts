import type { GeneratedToken, LanguageModel, Tokenizer } from '@qt/core'
import { ApiError } from '../http/api-error.js'

/** The tokenizer of a model; without it nothing can be said about tokens. */
export function tokenizerOf(model: LanguageModel, what: string): Tokenizer {
  if (model.tokenizer) return model.tokenizer
  throw new ApiError(501, 'tokens_unsupported', `${model.name} does not tell its tokens, so ${what} cannot be answered.`, {
    param: what,
  })
}

/** A token as text; half a character shows as U+FFFD. */
export function tokenText(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.bytes?.(id)
  if (bytes !== undefined) return new TextDecoder().decode(bytes)
  return tokenizer.decode([id], { special: true })
}

const entry = (tokenizer: Tokenizer, { id, logProbability }: { id: number; logProbability: number }) => {
  const token = tokenText(tokenizer, id)
  return { token, logprob: finite(logProbability), bytes: [...(tokenizer.bytes?.(id) ?? new TextEncoder().encode(token))] }
}

/** As chats tell of tokens. */
export const chatLogprobs = (tokenizer: Tokenizer, tokens: readonly GeneratedToken[]) => ({
  content: tokens.map((token) => ({
    ...entry(tokenizer, token),
    top_logprobs: token.alternatives.map((one) => entry(tokenizer, one)),
  })),
  refusal: null,
})

/** JSON knows no infinity; OpenAI writes -9999. */
export const finite = (value: number): number => (Number.isFinite(value) ? value : -9999)
