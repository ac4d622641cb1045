import type { AnyModel } from '../likelihood/model.js'
import { wrappedModel } from './wrapped-model.js'

/** What a model has used. */
export interface Usage {
  /** Generated. */
  tokens: number
  /** Of prompts, where the model says. */
  promptTokens: number
  requests: number
  /** Answers of a length that the model, or its server, did not say. */
  unknown: number
}

/** A price list: for a million tokens, in whatever currency. */
export interface Price {
  readonly input: number
  readonly output: number
}

export const costOf = ({ tokens, promptTokens }: Readonly<Usage>, { input, output }: Price): number =>
  (promptTokens * input + tokens * output) / 1e6

/** A model that counts what it uses. */
export function meteredModel(model: AnyModel): { readonly model: AnyModel; readonly usage: Usage } {
  const usage: Usage = { tokens: 0, promptTokens: 0, requests: 0, unknown: 0 }
  const generate: AnyModel['generate'] = async (prompt, options) => {
    const answer = await model.generate(prompt, options)
    if (answer.remembered) return answer
    usage.tokens += answer.tokens
    usage.promptTokens += answer.promptTokens ?? 0
    usage.requests++
    if (answer.tokens === 0 && (answer.text !== '' || answer.toolCalls)) usage.unknown++
    return answer
  }
  return { model: wrappedModel(model, { generate }), usage }
}
