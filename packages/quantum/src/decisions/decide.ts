import { checkOptions } from '../solve.js'
import type { SolverName } from '../solvers/index.js'
import { exhaustiveChoice, greedyChoice, localSearchChoice, randomChoice, separableChoice } from './baselines.js'
import { type ChoiceProblem, choicesOf, objectiveOf, weightOf } from './choice-problem.js'
import { quboChoice } from './qubo-choice.js'

export const methods = ['qubo', 'greedy', 'separable', 'local-search', 'random', 'exact'] as const
export type Method = (typeof methods)[number]

/** What one way of deciding came to. */
export interface Outcome {
  readonly method: Method
  /** The option of each group. */
  readonly choice: readonly number[]
  /** By all costs, those of pairs too. */
  readonly objective: number
  readonly weight: number
  readonly seconds: number
}

export interface Decision {
  /** The best one found; of equal ones the simplest. */
  readonly best: Outcome
  readonly outcomes: readonly Outcome[]
  readonly groups: number
  readonly options: number
  readonly pairs: number
  /** Bits of the QUBO. */
  readonly bits: number
  /** In a sentence: whether the QUBO was worth it. */
  readonly verdict: string
}

export interface DecideOptions {
  /** Seconds that each of the QUBO, local search and random choice gets; 2. */
  readonly time?: number | undefined
  readonly seed?: number | undefined
  readonly solver?: SolverName | undefined
  /** The most bits at once; larger QUBOs are solved in pieces. */
  readonly sizeLimit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Decides in every way, with the same budget and the same time: as a QUBO, greedily, exactly without pairs (a knapsack), by local
 * search, at random, and by trying everything where that is little. The result is the best, and says which way it came.
 *
 * @example
 * ```ts
 * import { decide } from '@qt/quantum/decisions'
 *
 * const item = (name: string, weight: number, gain: number) => ({
 *   name,
 *   options: [{ name: 'out', weight: 0, cost: 0 }, { name: 'in', weight, cost: -gain }],
 * })
 * const { best, verdict } = await decide(
 *   { groups: [item('a', 2, 3), item('b', 2, 3), item('c', 2, 2)], pairs: [[0, 1, 1, 1, 2]], budget: 4 },
 *   { time: 0.1 },
 * )
 * best.choice // one of a and b, and c: [1, 0, 1]
 * ```
 */
export async function decide(problem: ChoiceProblem, options: DecideOptions = {}): Promise<Decision> {
  const { time = 2, seed = 1, solver, sizeLimit, signal } = options
  checkOptions({ time, seed, solver, sizeLimit })
  const choices = choicesOf(problem)
  let bits = 0
  const outcomes: Outcome[] = []
  const add = async (method: Method, make: () => Promise<number[] | undefined> | number[] | undefined) => {
    signal?.throwIfAborted()
    const started = performance.now()
    const choice = await make()
    if (choice === undefined) return
    const seconds = (performance.now() - started) / 1000
    outcomes.push({ method, choice, objective: objectiveOf(problem, choice), weight: weightOf(problem, choice), seconds })
  }
  await add('greedy', () => greedyChoice(choices))
  await add('separable', () => separableChoice(choices))
  await add('random', () => randomChoice(choices, { time, seed, signal }))
  await add('local-search', () => localSearchChoice(choices, { time, seed, signal }))
  await add('qubo', async () => {
    const found = await quboChoice(choices, { time, seed, solver, sizeLimit, signal })
    bits = found.bits
    return found.choice
  })
  await add('exact', () => exhaustiveChoice(choices))
  const least = Math.min(...outcomes.map(({ objective }) => objective))
  const margin = 1e-9 * Math.abs(least)
  const best = outcomes.find(({ objective }) => objective <= least + margin)!
  return {
    best,
    outcomes,
    groups: problem.groups.length,
    options: choices.weight.length,
    pairs: problem.pairs.length,
    bits,
    verdict: verdictOf(outcomes, margin, problem.pairs.length),
  }
}

function verdictOf(outcomes: readonly Outcome[], margin: number, pairs: number): string {
  const of = (method: Method) => outcomes.find((one) => one.method === method)?.objective ?? Number.POSITIVE_INFINITY
  const qubo = of('qubo')
  if (pairs === 0)
    return 'Nothing depends on pairs: this is a knapsack, which dynamic programming solves; a QUBO has no place here.'
  const others = (['greedy', 'separable', 'local-search', 'random'] as const).map((method) => ({ method, objective: of(method) }))
  const rival = others.reduce((a, b) => (b.objective < a.objective ? b : a))
  const name =
    rival.method === 'separable'
      ? 'the knapsack without pairs'
      : rival.method === 'local-search'
        ? 'local search'
        : rival.method === 'greedy'
          ? 'the greedy choice'
          : 'a random choice'
  if (qubo < rival.objective - margin)
    return `The QUBO is better than the best classical baseline, ${name}, by ${(rival.objective - qubo).toPrecision(3)}.`
  if (qubo <= rival.objective + margin) return `The QUBO is no better than ${name}, which is simpler.`
  return `The QUBO is worse than ${name} by ${(qubo - rival.objective).toPrecision(3)}.`
}
