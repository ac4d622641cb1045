import { type Share, wilson } from '../stats/wilson.js'
import type { CodeResult } from './evaluate.js'
import { meanPassAtK, passAtK } from './pass-at-k.js'

export interface CodeSummary {
  readonly suite: string
  readonly problems: number
  readonly passAtK: readonly { readonly k: number; readonly value: number }[]
  /** Problems of which at least one sample passed, of all problems. */
  readonly solved: Share
  /** The mean score of all samples: for tests the share of mutants that were found, else near to the share that passed. */
  readonly score: number
  /** Answers that were cut at their longest. */
  readonly cut: number
}

/** Totals by suite, in the order in which suites come. */
export function summariseCode(items: readonly CodeResult[], ks: readonly number[], samples: number): CodeSummary[] {
  for (const k of ks) passAtK(samples, 0, k)
  return [...new Set(items.map(({ suite }) => suite))].map((suite) => {
    const own = items.filter((item) => item.suite === suite)
    const counts = own.map((item) => ({
      samples: item.samples.length,
      passed: item.samples.filter(({ passed }) => passed).length,
    }))
    const all = own.flatMap((item) => item.samples)
    return {
      suite,
      problems: own.length,
      passAtK: ks.map((k) => ({ k, value: meanPassAtK(counts, k) })),
      solved: wilson(counts.filter(({ passed }) => passed > 0).length, own.length),
      score: all.reduce((sum, { score }) => sum + score, 0) / all.length,
      cut: all.filter(({ cut }) => cut).length,
    }
  })
}
