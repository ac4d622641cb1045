import type { Scoring } from '@qt/core'
import type { Interval, Statistics } from '@qt/eval'
import type { NativeModel } from '@qt/trainer-native'
import type { EngineOptions } from './engine-flags.js'
import { need } from './need.js'

export interface VariantOptions extends EngineOptions {
  readonly signal: AbortSignal
}

/** Loads a model for as long as the work takes. */
export async function withModel<T>(path: string, options: VariantOptions, work: (model: NativeModel) => Promise<T>): Promise<T> {
  const { load } = await need('@qt/trainer-native', () => import('@qt/trainer-native'))
  const model = await load(path, { ...options, parallel: 1 })
  try {
    return await work(model)
  } finally {
    await model.close()
  }
}

/** Log-probabilities of every next token after each position of all rows, one after the other. */
export async function distributionsOf(
  scoring: Scoring,
  rows: readonly Uint32Array[],
  signal: AbortSignal,
): Promise<Float32Array> {
  const all = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0) * scoring.vocabularySize)
  let at = 0
  for (const row of rows) {
    all.set(await scoring.distributions(row, { signal }), at)
    at += row.length * scoring.vocabularySize
  }
  return all
}

/** [KL divergence · positions, positions] of each row: what a confidence interval is made from. */
export async function divergencesByRow(
  original: Scoring,
  path: string,
  rows: readonly Uint32Array[],
  options: VariantOptions,
): Promise<Statistics[]> {
  const { divergenceOfRows } = await need('@qt/eval', () => import('@qt/eval'))
  return withModel(path, options, async ({ scoring }) => {
    const found: Statistics[] = []
    for (const row of rows) {
      const { mean, positions } = await divergenceOfRows(original, scoring, [row], { signal: options.signal })
      found.push([mean * positions, positions])
    }
    return found
  })
}

export interface Compared {
  readonly kl: Interval
  /** Of this less the other on the same rows; below 0: this is better. */
  difference(other: readonly Statistics[]): Interval
}

/** Intervals at 95 % over rows; differences are taken row by row. */
export async function comparable(rows: readonly Statistics[]): Promise<Compared> {
  const { intervalOf } = await need('@qt/eval', () => import('@qt/eval'))
  const mean = { aggregate: 'mean' } as const
  return {
    kl: intervalOf(mean, rows),
    difference: (other) =>
      intervalOf(
        mean,
        rows.map(([sum = 0, positions = 0], i) => [sum - (other[i]?.[0] ?? 0), positions]),
      ),
  }
}

/** In a word what an interval of a difference of losses says. */
export const verdictOf = ({ low, high }: Interval): 'better' | 'worse' | 'no difference shown' =>
  high < 0 ? 'better' : low > 0 ? 'worse' : 'no difference shown'
