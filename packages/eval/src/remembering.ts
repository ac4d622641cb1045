import type { Scoring } from '@qt/core'

/**
 * The same scoring that computes the distributions of a row once and keeps them, by identity of the row: for comparing many models with
 * one. Every row of n tokens takes n × vocabulary floats of memory.
 *
 * @example
 * ```ts
 * const reference = remembering(original.scoring)
 * const rows = [tokenizer.encode(text)]
 * for (const { scoring } of [quantised, model]) console.log((await divergenceOfRows(reference, scoring, rows)).mean)
 * ```
 */
export function remembering(scoring: Scoring): Scoring {
  const known = new WeakMap<ArrayLike<number>, Promise<Float32Array>>()
  return {
    vocabularySize: scoring.vocabularySize,
    score: (ids, options) => scoring.score(ids, options),
    distributions(ids, options) {
      const before = known.get(ids)
      if (before) return before
      const made = scoring.distributions(ids, options)
      known.set(ids, made)
      made.catch(() => known.delete(ids))
      return made
    },
  }
}
