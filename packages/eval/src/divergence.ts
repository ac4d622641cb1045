import { logSumExp, QtError, type Scoring, usageError } from '@qt/core'
import { part } from './part.js'

export interface DivergenceOptions {
  /** Tokens that the models see at once; default 512. Later windows start afresh. */
  readonly window?: number
  readonly signal?: AbortSignal
}

export interface Divergence {
  /** Mean over positions of KL(p‖q) of the next-token distributions, in nats. */
  readonly mean: number
  readonly max: number
  /** Share of positions where both models rank the same token first. */
  readonly topAgreement: number
  readonly positions: number
}

/**
 * How far the next-token distributions of `q` lie from those of `p` on a text: KL(p‖q) = Σ p·(log p − log q) at every position.
 *
 * @example
 * ```ts
 * const { mean, topAgreement } = await divergence(original.scoring, quantised.scoring, tokenizer.encode(text))
 * ```
 */
export async function divergence(
  p: Scoring,
  q: Scoring,
  ids: ArrayLike<number>,
  options: DivergenceOptions = {},
): Promise<Divergence> {
  const { window = 512, signal } = options
  if (p.vocabularySize !== q.vocabularySize)
    throw usageError(
      'EVAL_VOCABULARIES_DIFFER',
      `The models have different vocabularies: ${p.vocabularySize} and ${q.vocabularySize} tokens.`,
      {
        actions: ['Compare models that share a tokenizer.'],
      },
    )
  if (!Number.isInteger(window) || window < 1)
    throw usageError('EVAL_WINDOW_INVALID', `A window of ${window} is not possible.`, {
      actions: ['Use a whole number, 1 or more.'],
    })
  if (ids.length === 0)
    throw usageError('EVAL_TEXT_TOO_SHORT', 'Divergence needs at least one token.', { actions: ['Use a longer text.'] })
  let [sum, max, agreed] = [0, 0, 0]
  for (let from = 0; from < ids.length; from += window) {
    signal?.throwIfAborted()
    const tokens = part(ids, from, from + window)
    const a = await p.distributions(tokens)
    const b = await q.distributions(tokens)
    for (let row = 0; row < tokens.length; row++) {
      const { kl, agree } = compare(a, b, row * p.vocabularySize, (row + 1) * p.vocabularySize)
      if (Number.isNaN(kl))
        throw new QtError({
          code: 'EVAL_NOT_FINITE',
          message: `A model gave no probabilities after position ${from + row}.`,
          actions: ['Check the model files: their weights may contain values that are not numbers.'],
        })
      sum += kl
      max = Math.max(max, kl)
      if (agree) agreed++
    }
  }
  return { mean: sum / ids.length, max, topAgreement: agreed / ids.length, positions: ids.length }
}

/** One position. Both rows are normalised again in double precision, so that the rounding of float32 does not show as divergence. */
function compare(a: Float32Array, b: Float32Array, from: number, to: number): { kl: number; agree: boolean } {
  const [totalA, totalB] = [logSumExp(a, from, to), logSumExp(b, from, to)]
  let [kl, topA, topB] = [0, from, from]
  for (let i = from; i < to; i++) {
    const [logA, logB] = [a[i]! - totalA, b[i]! - totalB]
    // p·log p → 0 as p → 0
    if (logA > Number.NEGATIVE_INFINITY) kl += Math.exp(logA) * (logA - logB)
    else if (Number.isNaN(logA)) kl = Number.NaN
    if (a[i]! > a[topA]!) topA = i
    if (b[i]! > b[topB]!) topB = i
  }
  // Rounding may leave a hair below zero, where KL cannot lie.
  return { kl: Number.isNaN(kl) ? kl : Math.max(0, kl), agree: topA === topB }
}
