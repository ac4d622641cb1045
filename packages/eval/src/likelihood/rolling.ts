import { usageError } from '@qt/core'
import { finite } from '../finite.js'
import { prefixToken } from './encode-pair.js'
import { defaultLength, type ScoringModel } from './model.js'
import { splitAtSpace } from './white-space.js'
import { rollingWindows } from './windows.js'

/** The log-likelihood of a whole text, and what to divide it by. */
export interface RollingLikelihood {
  /** Σ log p over the tokens, in nats. */
  readonly logLikelihood: number
  readonly tokens: number
  /** What stands between runs of white space, counted as lm-evaluation-harness does: `re.split(r"\s+", text)`. */
  readonly words: number
  /** Of UTF-8. */
  readonly bytes: number
}

export interface RollingOptions {
  /** Tokens that the model takes in at once; default: one less than its context holds, 2048 where that is not known. */
  readonly length?: number
  readonly signal?: AbortSignal
}

/**
 * Scores every token of a text once, the first after the token that begins texts. `exp(−Σ/words)` is word perplexity, `exp(−Σ/bytes)` byte
 * perplexity, `−Σ/(bytes·ln 2)` bits per byte: the same as lm-evaluation-harness, and comparable between tokenizers.
 *
 * @example
 * ```ts
 * const { logLikelihood, bytes } = await rollingLikelihood(model, text)
 * const bitsPerByte = -logLikelihood / (bytes * Math.LN2)
 * ```
 */
export async function rollingLikelihood(
  model: ScoringModel,
  text: string,
  options: RollingOptions = {},
): Promise<RollingLikelihood> {
  // The engine counts the last id too, which is only scored.
  const { length = (model.contextLength ?? defaultLength + 1) - 1, signal } = options
  if (!Number.isInteger(length) || length < 1)
    throw usageError('EVAL_WINDOW_INVALID', `A window of ${length} is not possible.`, {
      actions: ['Use a whole number, 1 or more.'],
    })
  const ids = model.tokenizer.encode(text, { special: true })
  if (text === '' || ids.length === 0)
    throw usageError('EVAL_TEXT_TOO_SHORT', 'The text has no token, so there is nothing to measure.', {
      actions: ['Use a text that is not empty.'],
    })
  let logLikelihood = 0
  for (const window of rollingWindows(ids, prefixToken(model.tokenizer), length)) {
    signal?.throwIfAborted()
    const logs = await model.scoring.score(window.ids, { signal })
    for (let i = window.ids.length - window.scored; i < window.ids.length; i++)
      logLikelihood += finite(logs[i]!, 'a token of the text')
  }
  return { logLikelihood, tokens: ids.length, ...measureOf(text) }
}

/** What perplexities of a text are divided by. */
export const measureOf = (text: string): { words: number; bytes: number } => ({
  words: splitAtSpace(text).length,
  bytes: Buffer.byteLength(text),
})

/** The three figures of a text, or of many: sums go in. */
export const rollingFigures = ({
  logLikelihood,
  words,
  bytes,
}: Pick<RollingLikelihood, 'logLikelihood' | 'words' | 'bytes'>) => ({
  wordPerplexity: Math.exp(-logLikelihood / words),
  bytePerplexity: Math.exp(-logLikelihood / bytes),
  bitsPerByte: -logLikelihood / (bytes * Math.LN2),
})
