import type { Scoring } from '@qt/core'
import type { Evaluated, LlamaSequence } from './llama-module.js'

/** One thing at a time: there is one sequence. */
export type Exclusive = <T>(work: (sequence: LlamaSequence) => Promise<T>) => Promise<T>

/** Positions that are asked at once: as many as llama.cpp reads in a batch, and fewer where the answer is a map of the whole vocabulary. */
const [some, few] = [512, 32]

/** Log-probabilities by llama.cpp. */
export function llamaScoring(exclusive: Exclusive, vocabularySize: number): Scoring {
  return {
    vocabularySize,
    score: (ids, { signal } = {}) =>
      exclusive(async (sequence) => {
        const logs = new Float32Array(ids.length).fill(Number.NaN)
        await sequence.clearHistory()
        for (let from = 0; from < ids.length - 1; from += some) {
          signal?.throwIfAborted()
          const part = Array.from({ length: Math.min(some, ids.length - 1 - from) }, (_, i): Evaluated => {
            const filter = { tokens: [ids[from + i + 1]!], includeTop: 1 } as const
            return [ids[from + i]!, { generateNext: { logits: { filter }, totalLogitWeight: true } }]
          })
          for (const [i, found] of (await sequence.controlledEvaluate(part)).entries()) {
            const { logits, totalLogitWeight = Number.NaN } = found!.next
            const wanted = logits!.get(ids[from + i + 1]!)!
            // The weight is Σ exp(logit − the largest).
            logs[from + i + 1] = wanted - Math.max(...logits!.values()) - Math.log(totalLogitWeight)
          }
        }
        return logs
      }),
    distributions: (ids, { signal } = {}) =>
      exclusive(async (sequence) => {
        const rows = new Float32Array(ids.length * vocabularySize)
        await sequence.clearHistory()
        for (let from = 0; from < ids.length; from += few) {
          signal?.throwIfAborted()
          const part = Array.from(
            { length: Math.min(few, ids.length - from) },
            (_, i): Evaluated => [ids[from + i]!, { generateNext: { logits: true } }],
          )
          for (const [i, found] of (await sequence.controlledEvaluate(part)).entries())
            normalise(found!.next.logits!, rows.subarray((from + i) * vocabularySize, (from + i + 1) * vocabularySize))
        }
        return rows
      }),
  }
}

function normalise(logits: ReadonlyMap<number, number>, row: Float32Array): void {
  row.fill(Number.NEGATIVE_INFINITY)
  let highest = Number.NEGATIVE_INFINITY
  for (const logit of logits.values()) highest = Math.max(highest, logit)
  let sum = 0
  for (const logit of logits.values()) sum += Math.exp(logit - highest)
  const scale = highest + Math.log(sum)
  for (const [token, logit] of logits) row[token] = logit - scale
}
