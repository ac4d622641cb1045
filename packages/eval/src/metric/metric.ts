import { bleuScore } from '../text/bleu.js'

/**
 * What one item says about a metric. A metric is a function of the sum of these over items: a mean is Σvalue / Σweight, a perplexity
 * exp of that, BLEU a function of ten counts. So any part of the items, and any resampling of them, has its value.
 */
export type Statistics = readonly number[]

/** How sums become a value. */
export const aggregates = {
  /** [value, weight]: Σvalue / Σweight. */
  mean: ([sum = 0, weight = 0]: Statistics): number => sum / weight,
  /** [−log p, weight]: exp(Σ / Σ). */
  'exp mean': ([sum = 0, weight = 0]: Statistics): number => Math.exp(sum / weight),
  bleu: bleuScore,
} as const

export type Aggregate = keyof typeof aggregates

export interface Metric {
  readonly name: string
  readonly aggregate: Aggregate
  readonly higherIsBetter: boolean
  /** Every item is right or wrong: the value is a share. */
  readonly share?: boolean | undefined
}

/** The statistics of a value that counts like any other. */
export const one = (value: number | boolean, weight = 1): Statistics => [Number(value), weight]

/** Sums statistics of items. */
export function sumOf(items: readonly Statistics[]): number[] {
  const sums: number[] = []
  for (const item of items) for (let i = 0; i < item.length; i++) sums[i] = (sums[i] ?? 0) + item[i]!
  return sums
}

/** The value of a metric over items; NaN where there are none. */
export const metricValue = (aggregate: Aggregate, items: readonly Statistics[]): number => aggregates[aggregate](sumOf(items))
