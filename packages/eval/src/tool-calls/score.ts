import { type BracketCall, type BracketTool, printCall } from './call.js'
import { callKey, normaliseArgument, normaliseName } from './normalise.js'
import { type PairBy, type Paired, pairCalls } from './pair.js'

/** Everything but `right` is a mistake; the first that applies is named. */
export const verdicts = ['right', 'missing', 'unneeded', 'unknown tool', 'wrong tool', 'wrong arguments', 'wrong number'] as const
export type Verdict = (typeof verdicts)[number]

/** An expected call and the call that was made for it. */
export type CallPair = Paired<BracketCall>

export interface ToolCallScore {
  readonly right: boolean
  readonly verdict: Verdict
  /** One sentence. */
  readonly explanation: string
  readonly pairs: readonly CallPair[]
  /** How many of the calls made name no declared tool. */
  readonly invented: number
}

/**
 * Scores the calls of one turn: right when exactly the expected calls were made, in any order, of declared tools, with the same
 * arguments. Case, spaces around and the kind of dash do not count; numbers count as numbers.
 *
 * @example
 * ```ts
 * scoreToolCalls(parseToolCalls('[health: Mira, -4]'), parseToolCalls('[health: mira, −4]'), tools).right // true
 * ```
 */
export function scoreToolCalls(
  expected: readonly BracketCall[],
  actual: readonly BracketCall[],
  tools: readonly BracketTool[],
): ToolCallScore {
  const known = new Set(tools.map(({ name }) => normaliseName(name)))
  const pairs = pairCalls(expected, actual, by)
  const unknown = actual.filter(({ name }) => !known.has(normaliseName(name)))
  const [verdict, explanation] = judge(expected, actual, pairs, unknown, tools)
  return { right: verdict === 'right', verdict, explanation, pairs, invented: unknown.length }
}

const by: PairBy<BracketCall> = {
  equal: (a, b) => callKey(a) === callKey(b),
  sameTool: (a, b) => normaliseName(a.name) === normaliseName(b.name),
}

function judge(
  expected: readonly BracketCall[],
  actual: readonly BracketCall[],
  pairs: readonly CallPair[],
  unknown: readonly BracketCall[],
  tools: readonly BracketTool[],
): readonly [Verdict, string] {
  const list = (calls: readonly BracketCall[]) => calls.map(printCall).join(' ')
  if (expected.length === 0 && actual.length === 0) return ['right', 'No call was needed and none was made.']
  if (actual.length === 0) return ['missing', `${list(expected)} was needed and no call was made.`]
  if (unknown.length > 0) return ['unknown tool', `${list(unknown)} names no declared tool.`]
  if (expected.length === 0) return ['unneeded', `${list(actual)} was made and no call was needed.`]
  const name = (call: BracketCall | undefined) => call && normaliseName(call.name)
  for (const { expected: wanted, actual: made } of pairs)
    if (wanted && made && name(wanted) !== name(made))
      return ['wrong tool', `${printCall(made)} was made instead of ${printCall(wanted)}.`]
  for (const { expected: wanted, actual: made, right } of pairs)
    if (wanted && made && !right) return ['wrong arguments', explainArguments(wanted, made, tools)]
  if (expected.length !== actual.length)
    return ['wrong number', `${expected.length} expected: ${list(expected)}; made: ${list(actual)}.`]
  return ['right', `${list(actual)} as expected.`]
}

function explainArguments(wanted: BracketCall, made: BracketCall, tools: readonly BracketTool[]): string {
  const names = tools.find(({ name }) => normaliseName(name) === normaliseName(wanted.name))?.arguments ?? []
  for (let i = 0; i < Math.max(wanted.arguments.length, made.arguments.length); i++) {
    const [a, b] = [wanted.arguments[i], made.arguments[i]]
    if (a !== undefined && b !== undefined && normaliseArgument(a) === normaliseArgument(b)) continue
    const what = names[i]?.name ?? `argument ${i + 1}`
    if (b === undefined) return `${printCall(made)}: ${what} is missing; ${printCall(wanted)} was expected.`
    if (a === undefined) return `${printCall(made)}: "${b}" is one argument too many; ${printCall(wanted)} was expected.`
    return `${printCall(made)}: ${what} is "${b}", expected "${a}".`
  }
  return `${printCall(made)} was made, ${printCall(wanted)} was expected.`
}
