import type { GeneratedToken, LanguageModel, TokenProbability } from '@qt/core'
import { ApiError, badRequest } from '../http/api-error.js'
import { tokenizerOf } from './token-text.js'

/** A token of a given text; of the first nothing is known. */
export type ScoredToken = Omit<GeneratedToken, 'logProbability'> & { readonly logProbability: number | undefined }

/** Log-probabilities of every token at once are held in memory: at most this many numbers. */
const mostNumbers = 2 ** 27

/** How likely each token of a text is after those before it, and what else was likely there. */
export async function scoreTokens(
  model: LanguageModel,
  ids: ArrayLike<number>,
  alternatives: number,
  signal: AbortSignal,
): Promise<ScoredToken[]> {
  const { scoring } = model
  if (!scoring) throw new ApiError(501, 'scoring_unsupported', `${model.name} cannot score given text.`, { param: 'echo' })
  const { vocabularySize } = scoring
  tokenizerOf(model, 'logprobs')
  if (alternatives === 0) {
    const scores = await scoring.score(ids, { signal })
    return Array.from({ length: ids.length }, (_, i) => ({
      id: ids[i]!,
      logProbability: i === 0 ? undefined : scores[i]!,
      alternatives: [],
    }))
  }
  if (ids.length * vocabularySize > mostNumbers)
    throw badRequest(
      `With alternatives a text can have ${Math.floor(mostNumbers / vocabularySize)} tokens here; ask for logprobs: 0, or send less.`,
      'logprobs',
      'text_too_long',
    )
  const rows = await scoring.distributions(ids, { signal })
  return Array.from({ length: ids.length }, (_, i) => {
    const row = i === 0 ? undefined : rows.subarray((i - 1) * vocabularySize, i * vocabularySize)
    return { id: ids[i]!, logProbability: row?.[ids[i]!], alternatives: row ? likeliest(row, alternatives) : [] }
  })
}

function likeliest(row: Float32Array, count: number): TokenProbability[] {
  const best: number[] = []
  for (let id = 0; id < row.length; id++) {
    if (best.length === count && row[id]! <= row[best.at(-1)!]!) continue
    const at = best.findIndex((other) => row[other]! < row[id]!)
    best.splice(at < 0 ? best.length : at, 0, id)
    if (best.length > count) best.pop()
  }
  return best.map((id) => ({ id, logProbability: row[id]! }))
}
