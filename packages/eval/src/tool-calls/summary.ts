import { type Share, wilson } from '../stats/wilson.js'
import type { BracketCall, BracketTool } from './call.js'
import { callKey, normaliseName } from './normalise.js'
import { type CallPair, scoreToolCalls, type ToolCallScore, type Verdict } from './score.js'

/** What stands in the confusion table where no call is. */
export const noCall = 'none'

export interface ToolRow {
  readonly tool: string
  /** Calls of it that were expected. */
  readonly expected: number
  /** Of these, answered by a call of the same tool. */
  readonly called: number
  /** Of these, with the right arguments. */
  readonly right: number
  /** Calls of it that were made, wherever. */
  readonly made: number
}

export interface ConfusionRow {
  readonly expected: string
  readonly actual: string
  readonly count: number
}

/** The three shares of right turns. */
export interface Accuracy {
  /** Of all turns. */
  readonly all: Share
  /** Of the turns that need a call. */
  readonly needed: Share
  /** Of the turns that need none. */
  readonly notNeeded: Share
}

export interface ToolCallSummary {
  readonly accuracy: Accuracy
  /** Of the turns that need a call: how far each came; every row is part of the one before. */
  readonly funnel: {
    readonly called: Share
    readonly knownTool: Share
    readonly rightTool: Share
    readonly rightArguments: Share
  }
  readonly verdicts: Readonly<Record<Verdict, number>>
  readonly byTool: readonly ToolRow[]
  readonly confusion: readonly ConfusionRow[]
  /** Of all calls that were made: those of no declared tool. */
  readonly invented: Share
  /** What answers that take no model score on the same turns. */
  readonly baselines: {
    readonly commonestCall: { readonly call: BracketCall | undefined; readonly accuracy: Accuracy }
    readonly neverCall: { readonly accuracy: Accuracy }
  }
}

export interface ScoredItem {
  readonly expected: readonly BracketCall[]
  readonly actual: readonly BracketCall[]
  readonly score: ToolCallScore
}

/** Totals over scored turns. */
export function summariseToolCalls(items: readonly ScoredItem[], tools: readonly BracketTool[]): ToolCallSummary {
  const needed = items.filter(({ expected }) => expected.length > 0)
  const reached = (stage: (item: ScoredItem) => boolean) => wilson(needed.filter(stage).length, needed.length)
  const pairs = items.flatMap(({ score }) => score.pairs)
  const made = items.reduce((sum, { actual }) => sum + actual.length, 0)
  const called = ({ actual }: ScoredItem) => actual.length > 0
  const knownTool = (item: ScoredItem) => called(item) && item.score.invented === 0
  const rightTool = (item: ScoredItem) => knownTool(item) && item.score.pairs.every(sameTool)
  const commonest = commonestCall(items)
  const answering = (answer: readonly BracketCall[]) =>
    accuracy(items.map(({ expected }) => ({ expected, right: scoreToolCalls(expected, answer, tools).right })))
  return {
    accuracy: accuracy(items.map(({ expected, score }) => ({ expected, right: score.right }))),
    funnel: {
      called: reached(called),
      knownTool: reached(knownTool),
      rightTool: reached(rightTool),
      rightArguments: reached(({ score }) => score.right),
    },
    verdicts: counted(items),
    byTool: byTool(pairs),
    confusion: confusion(items),
    invented: wilson(
      items.reduce((sum, { score }) => sum + score.invented, 0),
      made,
    ),
    baselines: {
      commonestCall: { call: commonest, accuracy: answering(commonest ? [commonest] : []) },
      neverCall: { accuracy: answering([]) },
    },
  }
}

function accuracy(turns: readonly { expected: readonly BracketCall[]; right: boolean }[]): Accuracy {
  const share = (some: typeof turns) => wilson(some.filter(({ right }) => right).length, some.length)
  return {
    all: share(turns),
    needed: share(turns.filter(({ expected }) => expected.length > 0)),
    notNeeded: share(turns.filter(({ expected }) => expected.length === 0)),
  }
}

const sameTool = ({ expected, actual }: CallPair): boolean =>
  expected !== undefined && actual !== undefined && normaliseName(expected.name) === normaliseName(actual.name)

function counted(items: readonly ScoredItem[]): Record<Verdict, number> {
  const counts: Record<Verdict, number> = {
    right: 0,
    missing: 0,
    unneeded: 0,
    'unknown tool': 0,
    'wrong tool': 0,
    'wrong arguments': 0,
    'wrong number': 0,
  }
  for (const { score } of items) counts[score.verdict]++
  return counts
}

function byTool(pairs: readonly CallPair[]): ToolRow[] {
  const names = new Set(
    pairs.flatMap(({ expected, actual }) => [expected, actual].flatMap((call) => (call ? [normaliseName(call.name)] : []))),
  )
  const of = (call: BracketCall | undefined, tool: string) => call !== undefined && normaliseName(call.name) === tool
  return [...names]
    .map((tool) => {
      const wanted = pairs.filter(({ expected }) => of(expected, tool))
      return {
        tool,
        expected: wanted.length,
        called: wanted.filter(sameTool).length,
        right: wanted.filter(({ right }) => right).length,
        made: pairs.filter(({ actual }) => of(actual, tool)).length,
      }
    })
    .sort((a, b) => b.expected - a.expected || compare(a.tool, b.tool))
}

function confusion(items: readonly ScoredItem[]): ConfusionRow[] {
  const counts = new Map<string, { expected: string; actual: string; count: number }>()
  const name = (call: BracketCall | undefined) => (call ? normaliseName(call.name) : noCall)
  for (const { score } of items)
    for (const { expected, actual } of score.pairs.length > 0 ? score.pairs : [{ expected: undefined, actual: undefined }]) {
      const key = JSON.stringify([name(expected), name(actual)])
      const row = counts.get(key)
      if (row) row.count++
      else counts.set(key, { expected: name(expected), actual: name(actual), count: 1 })
    }
  return [...counts.values()].sort((a, b) => compare(a.expected, b.expected) || b.count - a.count || compare(a.actual, b.actual))
}

/** The call that is expected most often; the first one among equals. */
function commonestCall(items: readonly ScoredItem[]): BracketCall | undefined {
  const counts = new Map<string, { call: BracketCall; count: number }>()
  for (const call of items.flatMap(({ expected }) => expected)) {
    const seen = counts.get(callKey(call))
    if (seen) seen.count++
    else counts.set(callKey(call), { call, count: 1 })
  }
  let best: { call: BracketCall; count: number } | undefined
  for (const one of counts.values()) if (!best || one.count > best.count) best = one
  return best?.call
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
