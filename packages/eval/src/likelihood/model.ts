import { type LanguageModel, type Scoring, type Tokenizer, usageError } from '@qt/core'

/** A model that can say how likely a given text is; the models of `@qt/trainer-native` are such. */
export interface ScoringModel {
  readonly name: string
  readonly scoring: Scoring
  readonly tokenizer: Tokenizer
  /** Tokens that it sees at once; default 2048. */
  readonly contextLength?: number
}

/** Any model; what it can do beside answering is found out by looking. */
export type AnyModel = LanguageModel & { readonly tokenizer?: Tokenizer; readonly contextLength?: number }

/** The model as one that scores text; an error for people where it cannot, as most servers. */
export function scoringModel(model: AnyModel, what: string): ScoringModel {
  const { name, scoring, tokenizer, contextLength } = model
  if (!scoring || !tokenizer)
    throw usageError('EVAL_CANNOT_SCORE', `${what} needs the probabilities of given text, and ${name} gives none.`, {
      actions: ['Measure a model file (GGUF or a Hugging Face folder) instead of a server.', 'Leave this suite out.'],
    })
  return { name, scoring, tokenizer, ...(contextLength === undefined ? {} : { contextLength }) }
}

/** Tokens that a model of no known length is shown. */
export const defaultLength = 2048
