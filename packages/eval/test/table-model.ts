import type { Scoring } from '@qt/core'

/** A model that is a table: log-probabilities of the next token from the tokens before it. */
export function tableModel(
  vocabularySize: number,
  next: (before: readonly number[]) => readonly number[],
): Scoring & { calls: number[][] } {
  const calls: number[][] = []
  return {
    calls,
    vocabularySize,
    score: async (ids) => {
      const list = Array.from(ids)
      calls.push(list)
      return Float32Array.from(list, (id, i) => (i === 0 ? Number.NaN : next(list.slice(0, i))[id]!))
    },
    distributions: async (ids) => {
      const list = Array.from(ids)
      return Float32Array.from(list.flatMap((_, i) => next(list.slice(0, i + 1))))
    },
  }
}
