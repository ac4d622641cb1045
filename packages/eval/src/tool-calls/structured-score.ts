import type { ToolCall, ToolDefinition } from '@qt/core'
import { type Paired, pairCalls } from './pair.js'
import type { Verdict } from './score.js'

/** A call that is expected. */
export interface ExpectedCall {
  readonly name: string
  readonly arguments: Readonly<Record<string, unknown>>
  /** Other right values, by argument; a value here or in `arguments` is right. */
  readonly allowed?: Readonly<Record<string, readonly unknown[]>>
  /** Arguments that may be left out. */
  readonly optional?: readonly string[]
}

export interface StructuredScore {
  readonly right: boolean
  readonly verdict: Verdict
  readonly explanation: string
  readonly pairs: readonly Paired<ExpectedCall>[]
  readonly invented: number
}

/** `roll({"skill":"stealth"})` */
export const printStructured = ({ name, arguments: given }: Pick<ToolCall, 'name' | 'arguments'>): string =>
  `${name}(${JSON.stringify(given)})`

/** Texts are the same without spaces, `, . / - _ * ^`, the kind of quotes, and case: the rule of the Berkeley function-calling leaderboard. */
const plain = (text: string): string =>
  text
    .replace(/[ ,./\-_*^]/g, '')
    .toLowerCase()
    .replaceAll("'", '"')

/**
 * Whether two values are the same by their syntax trees: the same kinds in the same places. 3 is 3.0, but "3" is not 3, nor true 1; texts
 * compare without what people write differently; lists in order, objects by their keys.
 */
export function sameValue(expected: unknown, actual: unknown): boolean {
  if (typeof expected === 'string') return typeof actual === 'string' && plain(expected) === plain(actual)
  if (Array.isArray(expected))
    return Array.isArray(actual) && expected.length === actual.length && expected.every((one, i) => sameValue(one, actual[i]))
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null || Array.isArray(actual)) return false
    const [a, b] = [new Map(Object.entries(expected)), new Map(Object.entries(actual))]
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && sameValue(value, b.get(key)))
  }
  return Object.is(expected, actual) || (expected === 0 && actual === 0)
}

/** What is wrong with the arguments of a call; undefined when nothing is. */
function wrongArgument(wanted: ExpectedCall, made: Pick<ToolCall, 'arguments'>): string | undefined {
  const show = (value: unknown) => JSON.stringify(value)
  for (const [key, value] of Object.entries(wanted.arguments)) {
    if (!Object.hasOwn(made.arguments, key)) {
      if (wanted.optional?.includes(key)) continue
      return `${key} is missing; ${show(value)} was expected.`
    }
    const fits = [value, ...(wanted.allowed?.[key] ?? [])].some((one) => sameValue(one, made.arguments[key]))
    if (!fits) return `${key} is ${show(made.arguments[key])}, expected ${show(value)}.`
  }
  const extra = Object.keys(made.arguments).find(
    (key) => !Object.hasOwn(wanted.arguments, key) && !wanted.allowed?.[key] && !wanted.optional?.includes(key),
  )
  return extra === undefined ? undefined : `${extra} was not asked for.`
}

/**
 * Scores the calls of one turn: right when exactly the expected ones were made, in any order, of declared tools. Names of tools count letter
 * by letter, because programs look them up so.
 *
 * @example
 * ```ts
 * scoreStructuredCalls([{ name: 'roll', arguments: { skill: 'sleight of hand' } }], parseStructuredCalls(answer), tools).verdict
 * ```
 */
export function scoreStructuredCalls(
  expected: readonly ExpectedCall[],
  actual: readonly ToolCall[],
  tools: readonly Pick<ToolDefinition, 'name'>[],
): StructuredScore {
  const pairs = pairCalls<ExpectedCall>(expected, actual, {
    equal: (wanted, made) => wanted.name === made.name && wrongArgument(wanted, made) === undefined,
    sameTool: (wanted, made) => wanted.name === made.name,
  })
  const unknown = actual.filter(({ name }) => !tools.some((tool) => tool.name === name))
  const [verdict, explanation] = judge(expected, actual, pairs, unknown)
  return { right: verdict === 'right', verdict, explanation, pairs, invented: unknown.length }
}

function judge(
  expected: readonly ExpectedCall[],
  actual: readonly ToolCall[],
  pairs: readonly Paired<ExpectedCall>[],
  unknown: readonly ToolCall[],
): readonly [Verdict, string] {
  const list = (calls: readonly Pick<ToolCall, 'name' | 'arguments'>[]) => calls.map(printStructured).join(' ')
  if (expected.length === 0 && actual.length === 0) return ['right', 'No call was needed and none was made.']
  if (actual.length === 0) return ['missing', `${list(expected)} was needed and no call was made.`]
  if (unknown.length > 0) return ['unknown tool', `${list(unknown)} names no declared tool.`]
  if (expected.length === 0) return ['unneeded', `${list(actual)} was made and no call was needed.`]
  for (const { expected: wanted, actual: made } of pairs)
    if (wanted && made && wanted.name !== made.name)
      return ['wrong tool', `${printStructured(made)} was made instead of ${printStructured(wanted)}.`]
  for (const { expected: wanted, actual: made, right } of pairs)
    if (wanted && made && !right) return ['wrong arguments', `${printStructured(made)}: ${wrongArgument(wanted, made)}`]
  if (expected.length !== actual.length)
    return ['wrong number', `${expected.length} expected: ${list(expected)}; made: ${list(actual)}.`]
  return ['right', `${list(actual)} as expected.`]
}
