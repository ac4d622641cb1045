import type { LanguageModel } from '@qt/core'
import { badRequest } from '../http/api-error.js'
import type { CompletionRequest } from '../request/completion.js'
import { tokenizerOf } from './token-text.js'

/** A prompt as text, and as the ids it came as. */
export interface TextPrompt {
  readonly text: string
  readonly ids: readonly number[] | undefined
}

const isIds = (prompt: CompletionRequest['prompt']): prompt is number[] =>
  typeof prompt !== 'string' && typeof prompt[0] === 'number'

/** The prompts of a request, of which there may be one or several, as text or as token ids. */
export function promptsOf(prompt: CompletionRequest['prompt'], model: LanguageModel, most: number): TextPrompt[] {
  const all: readonly (string | readonly number[])[] = typeof prompt === 'string' || isIds(prompt) ? [prompt] : prompt
  if (all.length > most) throw badRequest(`There can be ${most} prompts at most.`, 'prompt')
  return all.map((one) => {
    if (typeof one === 'string') return { text: one, ids: undefined }
    const tokenizer = tokenizerOf(model, 'prompt')
    for (const id of one)
      if (id >= tokenizer.vocabularySize)
        throw badRequest(`The vocabulary has ${tokenizer.vocabularySize} tokens; there is no token ${id}.`, 'prompt')
    return { text: tokenizer.decode(one, { special: true }), ids: one }
  })
}

/** A prompt of ids is asked as text; that must mean the same ids. */
export function requireSameIds({ text, ids }: TextPrompt, model: LanguageModel): void {
  if (ids === undefined) return
  const again = tokenizerOf(model, 'prompt').encode(text, { special: true })
  if (again.length === ids.length && ids.every((id, i) => again[i] === id)) return
  throw badRequest(
    'The token ids are not those that their own text has, so nothing can be generated after them. Send the text.',
    'prompt',
  )
}
