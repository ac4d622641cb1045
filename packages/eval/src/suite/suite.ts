import type { AnyModel } from '../likelihood/model.js'
import type { Metric, Statistics } from '../metric/metric.js'
import type { Price, Usage } from '../run/metered-model.js'

/** What a model did on one item. */
export interface Measured {
  /** By metric. A metric that says nothing about this item is left out. */
  readonly scores: Readonly<Record<string, Statistics>>
  /** The item counts as right, or as wrong: failures can be looked at. Left out where there is no such thing. */
  readonly right?: boolean
  /** What the model was asked, what it answered, what a person wrote: for people. */
  readonly prompt?: string
  readonly output?: string
  readonly expected?: string
  /** One or a few sentences: why it scored so. */
  readonly explanation?: string
  /** Expected and actual, by name: what goes into a confusion table. */
  readonly confusion?: readonly (readonly [expected: string, actual: string])[]
  /** Tokens that were generated. */
  readonly tokens?: number
}

export interface MeasureOptions {
  readonly seed: number
  readonly signal?: AbortSignal
  /** Told of what was used besides the model that is measured, as by judges: it counts in the limits. Without a price it costs what the model does. */
  readonly onUse?: (usage: Readonly<Usage>, price?: Price) => void
}

/** One question. */
export interface SuiteItem {
  /** Unique in its suite, and the same every time: comparisons pair items by it. */
  readonly id: string
  measure(model: AnyModel, options: MeasureOptions): Promise<Measured>
}

/** Questions that belong together, and what is measured with them. */
export interface Suite {
  readonly name: string
  readonly metrics: readonly Metric[]
  readonly items: readonly SuiteItem[]
  /** What items use besides the model has a price of its own. */
  readonly priced?: boolean
}
