import { type Scoring, usageError } from '@qt/core'
import { finite } from './finite.js'
import { part } from './part.js'

export interface PerplexityOptions {
  /** Tokens that the model sees at once; default 512. */
  readonly window?: number
  /** Tokens from one window to the next; default `window`: disjoint windows. Smaller gives each token more context and takes longer. */
  readonly stride?: number
  readonly signal?: AbortSignal
}

export interface Perplexity {
  /** exp(−mean log p). */
  readonly perplexity: number
  /** Mean of −log p, in nats. */
  readonly loss: number
  /** How many tokens were scored. */
  readonly tokens: number
}

/**
 * Perplexity of a text over sliding windows. Every token but the first is scored exactly once, in the window that gives it the most
 * context; with the default stride the windows share one token, the context of the first one scored.
 *
 * @example
 * ```ts
 * const result = await perplexity(model.scoring, tokenizer.encode(text), { window: 512, stride: 256 })
 * result.perplexity // 17.2
 * ```
 */
export async function perplexity(model: Scoring, ids: ArrayLike<number>, options: PerplexityOptions = {}): Promise<Perplexity> {
  const { window = 512, stride = window, signal } = options
  if (!Number.isInteger(window) || !Number.isInteger(stride) || window < 2 || stride < 1 || stride > window)
    throw usageError('EVAL_WINDOW_INVALID', `A window of ${window} with a stride of ${stride} is not possible.`, {
      actions: ['Use whole numbers: window 2 or more, stride from 1 to window.'],
    })
  if (ids.length < 2)
    throw usageError('EVAL_TEXT_TOO_SHORT', 'Perplexity needs at least two tokens.', { actions: ['Use a longer text.'] })
  // A window of w tokens scores w − 1 of them, so disjoint windows share one token.
  const step = Math.min(stride, window - 1)
  let sum = 0
  for (let scored = 1; scored < ids.length; ) {
    signal?.throwIfAborted()
    const to = Math.min(ids.length, scored === 1 ? window : scored + step)
    const from = Math.max(0, to - window)
    const logs = await model.score(part(ids, from, to))
    for (let i = scored; i < to; i++) sum += finite(logs[i - from]!, `the token at position ${i}`)
    scored = to
  }
  const tokens = ids.length - 1
  const loss = -sum / tokens
  return { perplexity: Math.exp(loss), loss, tokens }
}
