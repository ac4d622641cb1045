import { messageOf, QtError, usageError } from '@qt/core'
import type { AnyModel } from '../likelihood/model.js'
import { intervalOf } from '../stats/interval.js'
import type { Measured, Suite } from '../suite/suite.js'
import { rememberingModel } from './cached-model.js'
import { costOf, meteredModel, type Price, type Usage } from './metered-model.js'
import type { ItemReport, RunReport, SuiteReport } from './report.js'

export interface Limits {
  /** Generated tokens, those of judges included. */
  readonly tokens?: number
  readonly seconds?: number
  /** In the currency of `price`, what judges cost included. */
  readonly cost?: number
}

export interface RunSuitesOptions {
  /** Default 1. */
  readonly seed?: number
  /** Items at the same time; default 1. For servers, and engines that answer several at once. */
  readonly parallel?: number
  /** A JSONL file of answers: a run that was stopped goes on where it was. */
  readonly cache?: string
  /** What reports call the model; default: its own name, which a tuned model may share with its base. */
  readonly name?: string
  /** What tells this model from others: a hash of its files, or its address and name. A cache needs it; default: what reports call it. */
  readonly modelId?: string
  /** No item is begun beyond these; the report says so. */
  readonly limits?: Limits
  readonly price?: Price
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: RunProgress) => void
}

export interface RunProgress {
  readonly suite: string
  /** Items of all suites. */
  readonly done: number
  readonly total: number
  readonly right: number
}

/** What an item may fail with, and the others go on: it is the item's fault. */
const ownFaults = new Set(['PROMPT_TOO_LONG', 'PROMPT_EMPTY'])

/**
 * Measures one model with suites, item by item.
 *
 * @example
 * ```ts
 * const suite = await loadTask('arc', { data: 'arc.jsonl' })
 * const report = await runSuites(model, [suite], { cache: 'answers.jsonl', modelId: 'the SHA-256 of its file', limits: { seconds: 600 } })
 * report.suites[0].metrics[0] // { name: 'acc', value: 0.61, low: 0.57, high: 0.65, items: 570, … }
 * ```
 */
export async function runSuites(model: AnyModel, suites: readonly Suite[], options: RunSuitesOptions = {}): Promise<RunReport> {
  const { seed = 1, parallel = 1, name = model.name, modelId = name, limits = {}, price, signal, onProgress } = options
  check(suites, options)
  const began = performance.now()
  const { model: counted, usage } = meteredModel(model)
  const asked = await rememberingModel(counted, options)
  const seconds = () => (performance.now() - began) / 1000
  const queue = suites.flatMap((suite, index) => suite.items.map((item) => ({ index, suite, item })))
  const results = suites.map((): ItemReport[] => [])
  let [next, done, right, peakMemory] = [0, 0, 0, 0]
  let stopped: string | undefined
  const judges = { tokens: 0, promptTokens: 0, requests: 0, unknown: 0, cost: 0 }
  const onUse = (used: Readonly<Usage>, own = price): void => {
    judges.tokens += used.tokens
    judges.promptTokens += used.promptTokens
    judges.requests += used.requests
    judges.unknown += used.unknown
    if (own) judges.cost += costOf(used, own)
  }
  const cost = () => (price ? costOf(usage, price) : 0) + judges.cost
  const reached = (): string | undefined => {
    if (limits.tokens !== undefined && usage.tokens + judges.tokens >= limits.tokens)
      return `the limit of ${limits.tokens} tokens`
    if (limits.seconds !== undefined && seconds() >= limits.seconds) return `the limit of ${limits.seconds} seconds`
    if (limits.cost !== undefined && cost() >= limits.cost) return `the limit of cost, ${limits.cost}`
    return undefined
  }
  let failed = false
  async function work(): Promise<void> {
    while (next < queue.length && !failed) {
      signal?.throwIfAborted()
      stopped ??= reached()
      if (stopped !== undefined) return
      const { index, suite, item } = queue[next++]!
      const start = performance.now()
      let measured: Measured & { readonly error?: string }
      try {
        measured = await item.measure(asked, { seed, onUse, ...(signal ? { signal } : {}) })
        if (usage.unknown + judges.unknown > 0) refuseUncounted(limits, name)
      } catch (error) {
        if (!QtError.isInstance(error) || !ownFaults.has(error.code)) {
          failed = true
          throw error
        }
        measured = { scores: {}, error: messageOf(error) }
      }
      const own = Object.fromEntries(
        suite.metrics.flatMap(({ name }) => (measured.scores[name] ? [[name, measured.scores[name]]] : [])),
      )
      results[index]!.push({ id: item.id, ...measured, scores: own, seconds: (performance.now() - start) / 1000 })
      if (measured.right) right++
      peakMemory = Math.max(peakMemory, process.memoryUsage.rss())
      onProgress?.({ suite: suite.name, done: ++done, total: queue.length, right })
    }
  }
  // All of them, so that nothing is asked of the model any more when this ends.
  for (const worker of await Promise.allSettled(Array.from({ length: parallel }, work)))
    if (worker.status === 'rejected') throw worker.reason
  const order = suites.map(({ items }) => new Map(items.map(({ id }, at) => [id, at])))
  return {
    format: 'qt-eval-1',
    model: name,
    modelId,
    seed,
    suites: suites.map((suite, index) =>
      suiteReport(
        suite,
        results[index]!.sort((a, b) => order[index]!.get(a.id)! - order[index]!.get(b.id)!),
        seed,
      ),
    ),
    tokens: usage.tokens,
    seconds: seconds(),
    peakMemory,
    ...(price || judges.cost > 0 ? { cost: cost() } : {}),
    ...(judges.requests > 0 ? { judgeTokens: judges.tokens } : {}),
    ...(stopped === undefined ? {} : { stopped }),
  }
}

/** A limit that can never be reached is none. */
function refuseUncounted({ tokens, cost }: Limits, name: string): void {
  if (tokens === undefined && cost === undefined) return
  throw usageError(
    'EVAL_USAGE_UNKNOWN',
    `A server does not say how many tokens an answer has, so the limit for ${name} would never be reached.`,
    {
      actions: ['Use a limit of time instead (--time-limit, limits.seconds).', 'Let the server send "usage".'],
    },
  )
}

function suiteReport({ name, metrics, items: all }: Suite, items: readonly ItemReport[], seed: number): SuiteReport {
  return {
    name,
    metrics: metrics.map((metric) => {
      const statistics = items.flatMap(({ scores }) => (scores[metric.name] ? [scores[metric.name]!] : []))
      return { ...metric, ...intervalOf(metric, statistics, { seed }) }
    }),
    items: [...items],
    total: all.length,
  }
}

function check(suites: readonly Suite[], { parallel = 1, limits = {}, price }: RunSuitesOptions): void {
  if (suites.every(({ items }) => items.length === 0))
    throw usageError('EVAL_NO_ITEMS', 'There is nothing to measure: no suite has an item.', {
      actions: ['Name a suite and its data.'],
    })
  for (const { name, items } of suites) {
    const seen = new Set<string>()
    for (const { id } of items) {
      if (seen.has(id))
        throw usageError('EVAL_ITEMS_REPEATED', `The suite ${name} has two items called "${id}".`, {
          actions: ['Give each item an id of its own: comparisons pair items by it.'],
        })
      seen.add(id)
    }
  }
  const repeated = suites.find(({ name }, i) => suites.some((other, k) => k < i && other.name === name))
  if (repeated)
    throw usageError('EVAL_ITEMS_REPEATED', `Two suites are called ${repeated.name}.`, { actions: ['Name each of them once.'] })
  if (!Number.isInteger(parallel) || parallel < 1)
    throw usageError('EVAL_LIMIT_INVALID', `${parallel} items at the same time are not possible.`, {
      actions: ['Use 1 or more.'],
    })
  for (const [name, value] of Object.entries(limits))
    if (value !== undefined && !(value > 0))
      throw usageError('EVAL_LIMIT_INVALID', `A limit of ${value} ${name} leaves nothing to do.`, {
        actions: ['Use more than 0.'],
      })
  if (limits.cost !== undefined && !price && !suites.some(({ priced }) => priced))
    throw usageError('EVAL_LIMIT_INVALID', 'A limit of cost needs a price.', { actions: ['Say what a million tokens cost.'] })
}
