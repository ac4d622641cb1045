import { usageError } from '@qt/core'

export interface ChoiceOption {
  readonly name: string
  /** What it takes of the budget. */
  readonly weight: number
  /** What it costs by itself; gains are negative. */
  readonly cost: number
}

export interface ChoiceGroup {
  readonly name: string
  /** Exactly one of them is chosen. */
  readonly options: readonly ChoiceOption[]
}

/** What two options cost when both are chosen: group, option, group, option, cost. */
export type ChoicePair = readonly [number, number, number, number, number]

/** Choose one option of each group so that Σ costs + Σ costs of pairs is least and Σ weights at most `budget`. */
export interface ChoiceProblem {
  readonly groups: readonly ChoiceGroup[]
  readonly pairs: readonly ChoicePair[]
  readonly budget?: number | undefined
}

/** The options of all groups in one row, with the pairs of each. */
export interface Choices {
  /** The budget, and what sums may be off by rounding. */
  readonly limit: number
  /** Differences of costs below this are rounding. */
  readonly tiny: number
  /** Where the options of each group begin. */
  readonly starts: Uint32Array
  readonly groupOf: Uint32Array
  readonly weight: Float64Array
  readonly cost: Float64Array
  readonly partners: readonly (readonly (readonly [number, number])[])[]
}

export function choicesOf(problem: ChoiceProblem): Choices {
  const { groups, pairs, budget = Number.POSITIVE_INFINITY } = problem
  if (Number.isNaN(budget)) throw invalid('the budget is no number')
  const limit = budget + 1e-12 * Math.max(1, Math.abs(budget))
  const starts = new Uint32Array(groups.length + 1)
  groups.forEach(({ name, options }, g) => {
    if (options.length === 0) throw invalid(`"${name}" has no options`)
    starts[g + 1] = starts[g]! + options.length
  })
  const all = groups.flatMap(({ options }) => options)
  for (const group of groups)
    for (const { name, weight, cost } of group.options)
      if (!Number.isFinite(weight) || !Number.isFinite(cost))
        throw invalid(`the weight or cost of "${group.name}", "${name}", is no finite number`)
  let largest = all.reduce((most, { cost }) => Math.max(most, Math.abs(cost)), 0)
  const partners: [number, number][][] = all.map(() => [])
  for (const [g, o, h, p, value] of pairs) {
    const [a, b] = [starts[g]! + o, starts[h]! + p]
    if (g === h || !groups[g]?.options[o] || !groups[h]?.options[p] || !Number.isFinite(value))
      throw invalid(`the pair ${[g, o, h, p, value].join(', ')} is not two options of different groups and a number`)
    partners[a]!.push([b, value])
    partners[b]!.push([a, value])
    largest = Math.max(largest, Math.abs(value))
  }
  const lightest = lightestOf(problem)
  if (lightest > limit)
    throw usageError('DECISION_BUDGET', `Even the least of everything takes ${lightest}, more than the budget of ${budget}.`, {
      actions: [`Allow ${lightest}.`, 'Leave something out.'],
    })
  return {
    limit,
    tiny: 1e-12 * largest,
    starts,
    groupOf: Uint32Array.from(groups.flatMap(({ options }, g) => options.map(() => g))),
    weight: Float64Array.from(all, ({ weight }) => weight),
    cost: Float64Array.from(all, ({ cost }) => cost),
    partners,
  }
}

/** The sum that is to be small. */
export function objectiveOf(problem: ChoiceProblem, choice: readonly number[]): number {
  const own = problem.groups.reduce((sum, { options }, g) => sum + options[choice[g]!]!.cost, 0)
  return problem.pairs.reduce((sum, [g, o, h, p, value]) => (choice[g] === o && choice[h] === p ? sum + value : sum), own)
}

export const weightOf = (problem: ChoiceProblem, choice: readonly number[]): number =>
  problem.groups.reduce((sum, { options }, g) => sum + options[choice[g]!]!.weight, 0)

/** What choosing the least of everything takes. */
export const lightestOf = ({ groups }: ChoiceProblem): number =>
  groups.reduce((sum, { options }) => sum + Math.min(...options.map(({ weight }) => weight)), 0)

export const invalid = (why: string) =>
  usageError('DECISION_INVALID', `The decision cannot be made: ${why}.`, {
    actions: ['Correct the measurements it is made from.'],
  })
