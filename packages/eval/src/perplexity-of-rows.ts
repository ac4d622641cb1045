import { QtError, type Scoring, usageError } from '@qt/core'
import type { Perplexity } from './perplexity.js'

/**
 * Perplexity over rows of tokens, each read from an empty context; the first token of a row is not scored.
 *
 * @example
 * ```ts
 * await perplexityOfRows(model.scoring, [tokenizer.encode('The rain in Spain'), tokenizer.encode('falls mainly')])
 * ```
 */
export async function perplexityOfRows(
  model: Scoring,
  rows: Iterable<ArrayLike<number>>,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Perplexity> {
  let [sum, tokens] = [0, 0]
  for (const ids of rows) {
    signal?.throwIfAborted()
    const logs = await model.score(ids, { signal })
    for (let i = 1; i < ids.length; i++) sum += logs[i]!
    tokens += Math.max(0, ids.length - 1)
  }
  if (tokens === 0)
    throw usageError('EVAL_TEXT_TOO_SHORT', 'Perplexity needs at least two tokens.', { actions: ['Use a longer text.'] })
  const loss = -sum / tokens
  if (Number.isNaN(loss))
    throw new QtError({
      code: 'EVAL_NOT_FINITE',
      message: 'The model gave no probability for a token.',
      actions: ['Check the model file: its weights may contain values that are not numbers.'],
    })
  return { perplexity: Math.exp(loss), loss, tokens }
}
