import { aggregates, type Metric, type Statistics, sumOf } from '../metric/metric.js'
import { quantile, resample } from './resample.js'
import { wilson } from './wilson.js'

export interface Interval {
  readonly value: number
  /** Ends of the range in which the true value lies in 95 of 100 such measurements. */
  readonly low: number
  readonly high: number
  /** How many items it is of. */
  readonly items: number
}

export interface IntervalOptions {
  readonly samples?: number
  readonly seed?: number
}

/** The value of a metric with its interval at 95 %: Wilson's for shares, else that of the bootstrap over items (percentiles). */
export function intervalOf(
  { aggregate, share }: Pick<Metric, 'aggregate' | 'share'>,
  items: readonly Statistics[],
  { samples = 2000, seed = 1 }: IntervalOptions = {},
): Interval {
  const value = aggregates[aggregate](sumOf(items))
  if (items.length === 0) return { value: Number.NaN, low: Number.NaN, high: Number.NaN, items: 0 }
  if (share && items.every(([right, weight]) => weight === 1 && (right === 0 || right === 1))) {
    const { low, high } = wilson(sumOf(items)[0]!, items.length)
    return { value, low, high, items: items.length }
  }
  const values = new Float64Array(samples)
  const columns = columnsOf(items)
  let at = 0
  resample(items.length, samples, seed, (drawn) => {
    values[at++] = aggregates[aggregate](columns.map((column) => sumAt(column, drawn)))
  })
  values.sort()
  return { value, low: quantile(values, 0.025), high: quantile(values, 0.975), items: items.length }
}

/** Statistics by number instead of by item. */
export const columnsOf = (items: readonly Statistics[]): Float64Array[] =>
  Array.from({ length: items.reduce((most, { length }) => Math.max(most, length), 0) }, (_, k) =>
    Float64Array.from(items, (item) => item[k] ?? 0),
  )

export function sumAt(column: Float64Array, places: Uint32Array): number {
  let sum = 0
  for (let i = 0; i < places.length; i++) sum += column[places[i]!]!
  return sum
}
