import { type Scoring, usageError } from '@qt/core'
import { finite } from '../finite.js'
import { part } from '../part.js'
import type { Perplexity } from '../perplexity.js'

export interface LlamaPerplexityOptions {
  /** Tokens of a chunk (llama.cpp's `-c`); default 512. */
  readonly window?: number
  /** At most so many chunks, from the start (llama.cpp's `--chunks`). */
  readonly chunks?: number
  /** The token that begins texts, for models that want one: it replaces the first of every chunk, as llama.cpp does. */
  readonly bosId?: number | undefined
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total: number; readonly perplexity: number }) => void
}

export interface LlamaPerplexity extends Perplexity {
  /** Half of the range that llama.cpp prints behind ±: perplexity · √(variance of log p / (tokens − 1)). */
  readonly error: number
  readonly chunks: number
}

/**
 * Perplexity as `llama-perplexity` computes it: disjoint chunks, of which only the second half is scored, so that every scored token
 * has at least half a chunk before it. What is left at the end is not counted.
 *
 * @example
 * ```ts
 * const { perplexity, error } = await llamaPerplexity(model.scoring, model.tokenizer.encode(text))
 * ```
 */
export async function llamaPerplexity(
  model: Scoring,
  ids: ArrayLike<number>,
  options: LlamaPerplexityOptions = {},
): Promise<LlamaPerplexity> {
  const { window = 512, bosId, signal, onProgress } = options
  if (!Number.isInteger(window) || window < 4)
    throw usageError('EVAL_WINDOW_INVALID', `A chunk of ${window} tokens is not possible.`, {
      actions: ['Use a whole number, 4 or more.'],
    })
  const total = Math.min(options.chunks ?? Number.POSITIVE_INFINITY, Math.floor(ids.length / window))
  if (total < 1)
    throw usageError('EVAL_TEXT_TOO_SHORT', `The text has ${ids.length} tokens, less than one chunk of ${window}.`, {
      actions: ['Use a longer text.', 'Use a smaller window.'],
    })
  const first = window >> 1
  let [sum, squares, tokens] = [0, 0, 0]
  for (let chunk = 0; chunk < total; chunk++) {
    signal?.throwIfAborted()
    const text = part(ids, chunk * window, (chunk + 1) * window)
    if (bosId !== undefined) text[0] = bosId
    const logs = await model.score(text, { signal })
    for (let i = first + 1; i < window; i++) {
      const loss = -finite(logs[i]!, `the token at position ${chunk * window + i}`)
      sum += loss
      squares += loss * loss
      tokens++
    }
    onProgress?.({ done: chunk + 1, total, perplexity: Math.exp(sum / tokens) })
  }
  const loss = sum / tokens
  const variance = Math.max(0, squares / tokens - loss * loss)
  const perplexity = Math.exp(loss)
  return { perplexity, loss, tokens, error: perplexity * Math.sqrt(variance / (tokens - 1)), chunks: total }
}
