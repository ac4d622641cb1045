import { nearest, usageError } from '@qt/core'
import { aggregates, type Metric, type Statistics, sumOf } from '../metric/metric.js'
import type { ItemReport, RunReport, SuiteReport } from '../run/report.js'
import { holm } from '../stats/holm.js'
import { columnsOf, sumAt } from '../stats/interval.js'
import { type McNemar, mcnemar } from '../stats/mcnemar.js'
import { pairedShares } from '../stats/paired-share.js'
import { flips, quantile, resample } from '../stats/resample.js'

export type ComparisonVerdict = 'better' | 'worse' | 'cannot tell'

export interface MetricComparison {
  readonly suite: string
  readonly metric: string
  /** Values over the items that both runs have. */
  readonly a: number
  readonly b: number
  /** b − a, and the ends of its 95 % interval (shares: Newcombe's score interval for pairs; others: paired bootstrap over items). */
  readonly difference: number
  readonly low: number
  readonly high: number
  /** Of "no difference": McNemar's exact test for shares, else randomisation (the two answers of an item swapped at random). */
  readonly p: number
  /** The same for being one of many (Holm, over all metrics compared). The verdict goes by it. */
  readonly adjusted: number
  readonly mcnemar?: McNemar
  /** Odds of the second being the right one where they differ; mean difference in standard deviations. Left out where there is none. */
  readonly effect?: { readonly name: 'odds ratio' | "Cohen's d (paired)"; readonly value: number }
  /** How b stands to a. */
  readonly verdict: ComparisonVerdict
  readonly items: number
  readonly higherIsBetter: boolean
}

export interface Comparison {
  readonly a: string
  readonly b: string
  readonly metrics: readonly MetricComparison[]
  /** Items that only one of the runs has, asked in that way, and measured; they are not compared. */
  readonly unpaired: number
  /** Suites of a of which b has no item, or not all because it was stopped: about them the verdict says nothing, or little. */
  readonly uncompared: readonly string[]
  /** Over everything: worse as soon as one metric is. */
  readonly verdict: ComparisonVerdict
  /** b over a: tokens a second (NaN where a run generated none, or took all from a cache), and peak memory. */
  readonly speed: number
  readonly memory: number
}

export interface CompareOptions {
  /** Largest p that counts as a difference; default 0.05. */
  readonly alpha?: number
  /** Resamples; default 10,000. */
  readonly samples?: number
  readonly seed?: number
  /** Suites, or metrics of them: `tools`, `quality.quality`. The verdict and the correction go by these alone; default: by all. */
  readonly only?: readonly string[]
}

/**
 * Whether run `b` is better than run `a`, item by item on what both answered.
 *
 * @example
 * ```ts
 * const { verdict, metrics } = compareRuns(base, tuned)
 * metrics[0] // { suite: 'tools', metric: 'right', a: 0.42, b: 0.61, difference: 0.19, low: 0.1, high: 0.28, p: 0.0004, verdict: 'better', … }
 * ```
 */
export function compareRuns(a: RunReport, b: RunReport, options: CompareOptions = {}): Comparison {
  const { alpha = 0.05, samples = 10_000, seed = 1, only } = options
  if (!(alpha > 0 && alpha < 1) || !Number.isInteger(samples) || samples < 100)
    throw usageError('EVAL_COMPARISON_INVALID', `A level of ${alpha} with ${samples} resamples is not possible.`, {
      actions: ['Use a level between 0 and 1, and 100 resamples or more.'],
    })
  if (only) checkNames(only, [...a.suites, ...b.suites])
  const wanted = (suite: string, metric: string) => !only || only.includes(suite) || only.includes(`${suite}.${metric}`)
  const found: Omit<MetricComparison, 'adjusted' | 'verdict'>[] = []
  const uncompared: string[] = []
  let unpaired = 0
  for (const suiteA of a.suites) {
    const suiteB = b.suites.find(({ name }) => name === suiteA.name)
    const pairs = suiteB ? pairsOf(suiteA, suiteB) : []
    unpaired += suiteA.items.length + (suiteB?.items.length ?? 0) - 2 * pairs.length
    const cut = b.stopped !== undefined && suiteB !== undefined && suiteB.items.length < suiteB.total
    const lacking = suiteA.items.length > 0 && (pairs.length === 0 || (cut && pairs.length < suiteA.items.length))
    if (lacking && suiteA.metrics.some((metric) => wanted(suiteA.name, metric.name))) uncompared.push(suiteA.name)
    for (const metric of suiteB ? suiteA.metrics : [])
      if (wanted(suiteA.name, metric.name)) found.push(...compareMetric(suiteA.name, metric, pairs, { samples, seed }))
  }
  for (const { name, items } of b.suites) if (!a.suites.some((suite) => suite.name === name)) unpaired += items.length
  if (found.length === 0)
    throw usageError('EVAL_NOTHING_IN_COMMON', 'The two runs have no item in common, so they cannot be compared.', {
      actions: ['Run both with the same suites and the same data.'],
    })
  const adjusted = holm(found.map(({ p }) => p))
  const metrics = found.map((one, i): MetricComparison => {
    const up = one.difference > 0 === one.higherIsBetter
    const verdict = adjusted[i]! < alpha && one.difference !== 0 ? (up ? 'better' : 'worse') : 'cannot tell'
    return { ...one, adjusted: adjusted[i]!, verdict }
  })
  const any = (verdict: ComparisonVerdict) => metrics.some((one) => one.verdict === verdict)
  const rate = ({ tokens, seconds }: RunReport) => (tokens > 0 ? tokens / seconds : Number.NaN)
  return {
    a: a.model,
    b: b.model,
    metrics,
    unpaired,
    uncompared,
    verdict: any('worse') ? 'worse' : any('better') ? 'better' : 'cannot tell',
    speed: rate(b) / rate(a),
    memory: b.peakMemory / a.peakMemory,
  }
}

/** Whether b may stand in for a: it is not worse, as far as can be told, and everything that a measured was compared. */
export const holds = ({ verdict, uncompared }: Comparison): boolean => verdict !== 'worse' && uncompared.length === 0

function checkNames(only: readonly string[], suites: readonly SuiteReport[]): void {
  const known = new Set(suites.flatMap(({ name, metrics }) => [name, ...metrics.map((metric) => `${name}.${metric.name}`)]))
  const unknown = only.find((name) => !known.has(name))
  if (unknown === undefined) return
  const near = nearest(unknown, known)
  throw usageError('EVAL_NOTHING_IN_COMMON', `Neither run has "${unknown}".`, {
    actions: [
      ...(near === undefined ? [] : [`Did you mean ${near}?`]),
      `The suites are ${[...new Set(suites.map(({ name }) => name))].join(', ')}.`,
    ],
  })
}

type Pair = readonly [ItemReport, ItemReport]

/** What an item asked, as far as it says: runs over other data may have items of the same names. */
const question = ({ expected, prompt }: ItemReport): string | undefined => expected ?? prompt

function pairsOf(a: SuiteReport, b: SuiteReport): Pair[] {
  const others = new Map(b.items.map((item) => [item.id, item]))
  return a.items.flatMap((item): Pair[] => {
    const other = others.get(item.id)
    if (!other || item.error !== undefined || other.error !== undefined) return []
    const [asked, askedOther] = [question(item), question(other)]
    return asked === undefined || askedOther === undefined || asked === askedOther ? [[item, other]] : []
  })
}

function* compareMetric(
  suite: string,
  { name, aggregate, higherIsBetter, share }: Metric,
  pairs: readonly Pair[],
  { samples, seed }: { readonly samples: number; readonly seed: number },
): Generator<Omit<MetricComparison, 'adjusted' | 'verdict'>> {
  const both = pairs.flatMap(([a, b]): (readonly [Statistics, Statistics])[] =>
    a.scores[name] && b.scores[name] ? [[a.scores[name], b.scores[name]]] : [],
  )
  if (both.length === 0) return
  const [inA, inB] = [both.map(([a]) => a), both.map(([, b]) => b)]
  const value = aggregates[aggregate]
  const [a, b] = [value(sumOf(inA)), value(sumOf(inB))]
  const [columnsA, columnsB] = [columnsOf(inA), columnsOf(inB)]
  const binary = share === true && both.every((pair) => pair.every(([x, weight]) => weight === 1 && (x === 0 || x === 1)))
  const test = binary ? mcnemar(countOf(both, 1, 0), countOf(both, 0, 1)) : undefined
  const interval = test
    ? pairedShares({ ...test, both: countOf(both, 1, 1), neither: countOf(both, 0, 0) })
    : bootstrapped(columnsA, columnsB, { value, samples, seed, n: both.length })
  const effect = test ? oddsRatio(test) : aggregate === 'mean' ? pairedD(both) : undefined
  yield {
    suite,
    metric: name,
    a,
    b,
    difference: b - a,
    ...interval,
    p: test?.p ?? randomised(columnsA, columnsB, { value, samples, seed }),
    ...(test ? { mcnemar: test } : {}),
    ...(effect ? { effect } : {}),
    items: both.length,
    higherIsBetter,
  }
}

/** The interval of the difference over items drawn anew, the same for both. */
function bootstrapped(
  a: readonly Float64Array[],
  b: readonly Float64Array[],
  { value, samples, seed, n }: Randomised & { readonly n: number },
): { readonly low: number; readonly high: number } {
  const differences = new Float64Array(samples)
  let at = 0
  resample(n, samples, seed, (drawn) => {
    const side = (columns: readonly Float64Array[]) => value(columns.map((column) => sumAt(column, drawn)))
    differences[at++] = side(b) - side(a)
  })
  differences.sort()
  return { low: quantile(differences, 0.025), high: quantile(differences, 0.975) }
}

const countOf = (both: readonly (readonly [Statistics, Statistics])[], a: number, b: number): number =>
  both.filter(([[x], [y]]) => x === a && y === b).length

/** Where one of the two is never alone in being right, half an item is added to both (Haldane and Anscombe). */
function oddsRatio({ onlyA, onlyB }: McNemar): MetricComparison['effect'] {
  if (onlyA + onlyB === 0) return undefined
  const added = onlyA === 0 || onlyB === 0 ? 0.5 : 0
  return { name: 'odds ratio', value: (onlyB + added) / (onlyA + added) }
}

function pairedD(both: readonly (readonly [Statistics, Statistics])[]): MetricComparison['effect'] {
  const values = both.map(([[x = 0, u = 1], [y = 0, v = 1]]) => y / v - x / u)
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (values.length - 1))
  return deviation > 0 ? { name: "Cohen's d (paired)", value: mean / deviation } : undefined
}

interface Randomised {
  readonly value: (sums: Statistics) => number
  readonly samples: number
  readonly seed: number
}

/** How often swapping the two answers of items at random makes a difference as large as the one that was seen. */
function randomised(a: readonly Float64Array[], b: readonly Float64Array[], { value, samples, seed }: Randomised): number {
  const n = a[0]?.length ?? 0
  const all = Uint32Array.from({ length: n }, (_, i) => i)
  const sums = (columns: readonly Float64Array[]) => columns.map((column) => sumAt(column, all))
  const [sumsA, sumsB] = [sums(a), sums(b)]
  const seen = Math.abs(value(sumsB) - value(sumsA))
  const gaps = a.map((column, k) => Float64Array.from(column, (one, i) => b[k]![i]! - one))
  // Sums in another order differ by a hair.
  const limit = seen * (1 - 1e-12)
  let asLarge = 0
  flips(n, samples, seed, (heads) => {
    const moved = gaps.map((gap) => {
      let sum = 0
      for (let i = 0; i < n; i++) if (heads[i]) sum += gap[i]!
      return sum
    })
    const difference = value(sumsB.map((sum, k) => sum - moved[k]!)) - value(sumsA.map((sum, k) => sum + moved[k]!))
    if (!(Math.abs(difference) < limit)) asLarge++
  })
  return (asLarge + 1) / (samples + 1)
}
