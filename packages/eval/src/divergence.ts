import { type Divergence, logSumExp, QtError, type Scoring, usageError } from '@qt/core'
import { part } from './part.js'

export interface DivergenceOptions {
  /** Tokens that the models see at once; default 512. Later windows start afresh. */
  readonly window?: number
  readonly signal?: AbortSignal
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
  if (!Number.isInteger(window) || window < 1)
    throw usageError('EVAL_WINDOW_INVALID', `A window of ${window} is not possible.`, {
      actions: ['Use a whole number, 1 or more.'],
    })
  const windows = Array.from({ length: Math.ceil(ids.length / window) }, (_, i) => part(ids, i * window, (i + 1) * window))
  return divergenceOfRows(p, q, windows, { signal })
}

export interface DivergenceOfRowsOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: { readonly rows: number; readonly positions: number }) => void) | undefined
}

/** The same over rows of tokens, each read from an empty context: conversations, or windows of a text. */
export async function divergenceOfRows(
  p: Scoring,
  q: Scoring,
  rows: Iterable<ArrayLike<number>>,
  { signal, onProgress }: DivergenceOfRowsOptions = {},
): Promise<Divergence> {
  if (p.vocabularySize !== q.vocabularySize)
    throw usageError(
      'EVAL_VOCABULARIES_DIFFER',
      `The models have different vocabularies: ${p.vocabularySize} and ${q.vocabularySize} tokens.`,
      {
        actions: ['Compare models that share a tokenizer.'],
      },
    )
  const all: number[] = []
  const losses = { p: 0, q: 0, tokens: 0 }
  let [agreed, read] = [0, 0]
  for (const ids of rows) {
    signal?.throwIfAborted()
    const a = await p.distributions(ids, { signal })
    const b = await q.distributions(ids, { signal })
    for (let row = 0; row < ids.length; row++) {
      const next = row + 1 < ids.length ? ids[row + 1]! : undefined
      const { kl, agree, logs } = compare(a, b, row * p.vocabularySize, (row + 1) * p.vocabularySize, next)
      if (Number.isNaN(kl))
        throw new QtError({
          code: 'EVAL_NOT_FINITE',
          message: `A model gave no probabilities after position ${all.length}.`,
          actions: ['Check the model files: their weights may contain values that are not numbers.'],
        })
      all.push(kl)
      if (agree) agreed++
      if (logs === undefined) continue
      losses.p -= logs[0]
      losses.q -= logs[1]
      losses.tokens++
    }
    onProgress?.({ rows: ++read, positions: all.length })
  }
  if (all.length === 0)
    throw usageError('EVAL_TEXT_TOO_SHORT', 'Divergence needs at least one token.', { actions: ['Use a longer text.'] })
  const sum = all.reduce((total, kl) => total + kl, 0)
  const sorted = Float64Array.from(all).sort()
  return {
    mean: sum / all.length,
    median: sorted[Math.floor((sorted.length - 1) / 2)]!,
    percentile99: sorted[Math.floor((sorted.length - 1) * 0.99)]!,
    max: sorted.at(-1)!,
    topAgreement: agreed / all.length,
    positions: all.length,
    perplexity: { p: Math.exp(losses.p / losses.tokens), q: Math.exp(losses.q / losses.tokens) },
  }
}

/** One position. Both rows are normalised again in double precision, so that the rounding of float32 does not show as divergence. */
function compare(a: Float32Array, b: Float32Array, from: number, to: number, next: number | undefined) {
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
  const logs = next === undefined ? undefined : ([a[from + next]! - totalA, b[from + next]! - totalB] as const)
  return { kl: Number.isNaN(kl) ? kl : Math.max(0, kl), agree: topA === topB, logs }
}
