import { solve } from '../index.js'
import type { SolverName } from '../solvers/index.js'
import { uniformNumbers } from '../solvers/uniform-numbers.js'
import { greedyChoice, separableChoice } from './baselines.js'
import { choiceModel, optionsOf, withPrice } from './choice-model.js'
import type { Choices } from './choice-problem.js'
import { type ChoiceState, exchange, fillGreedily, fit, stateOf } from './state.js'

export interface QuboChoiceOptions {
  readonly time: number
  readonly seed: number
  readonly solver?: SolverName | undefined
  readonly sizeLimit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How often the price is halved in, and how often the gap that is left is searched: each solve gets its share of the time that is left. */
const [prices, gaps] = [8, 4]

/**
 * As a QUBO. The budget is a price for weight (a Lagrange multiplier) that is halved in until it is just kept. What no price reaches, where one
 * large item more or less leaps over the budget, is then searched with a penalty on the square of what is over or left over. What a solution
 * takes too much is given back, what is left over is filled, and both by the real costs; a few exchanges follow, as of local search. It
 * begins with the greedy choice and the knapsack without pairs, improved in the same way, so it is never worse than those.
 */
export async function quboChoice(choices: Choices, options: QuboChoiceOptions): Promise<{ choice: number[]; bits: number }> {
  const started = performance.now()
  const { limit, starts } = choices
  const model = choiceModel(choices)
  const draw = uniformNumbers(options.seed)
  let best = stateOf(choices)
  const offer = (state: ChoiceState) => {
    fit(choices, state)
    fillGreedily(choices, state)
    exchange(choices, state, 20 * choices.weight.length, draw)
    fillGreedily(choices, state)
    if (state.objective < best.objective) best = state
  }
  const place = (choice: readonly number[]) => choice.map((option, g) => starts[g]! + option)
  for (const choice of [greedyChoice(choices), separableChoice(choices)]) offer(stateOf(choices, place(choice)))

  const most = limit === Number.POSITIVE_INFINITY ? 1 : prices + gaps
  const left = () => options.time - (performance.now() - started) / 1000
  const isOver = () => options.signal?.aborted === true || left() <= 0
  let solves = 0
  const at = async (price: number, square = 0): Promise<number> => {
    const { seed, solver, sizeLimit, signal } = options
    const priced = withPrice(choices, model, price, square)
    const time = Math.max(1e-3, left() / (most - solves))
    const { solution } = await solve(priced, { time, seed: seed + solves++, solver, sizeLimit, signal })
    const state = stateOf(choices, optionsOf(model, solution))
    const weight = state.weight
    offer(state)
    return weight
  }
  let over = await at(0)
  if (over <= limit) return { choice: best.choice(), bits: model.size }
  // Above the best gain for a unit of weight nothing is worth taking.
  let [low, high] = [0, highestPrice(choices)]
  let under = stateOf(choices).weight
  for (let k = 1; k < prices && !isOver(); k++) {
    // Prices span orders of magnitude: halved in by their ratio.
    const middle = low === 0 ? high / 1000 : Math.sqrt(low * high)
    const weight = await at(middle)
    if (weight > limit) [low, over] = [middle, weight]
    else [high, under] = [middle, weight]
  }
  for (let k = 0; k < gaps && !isOver(); k++) await at(high, ((high / (over - under)) * 2 ** k) / 4)
  return { choice: best.choice(), bits: model.size }
}

function highestPrice({ starts, weight, cost, partners }: Choices): number {
  let most = 0
  for (let g = 0; g + 1 < starts.length; g++)
    for (let a = starts[g]!; a < starts[g + 1]!; a++)
      for (let b = starts[g]!; b < starts[g + 1]!; b++) {
        const more = weight[a]! - weight[b]!
        if (more <= 0) continue
        const pull = [...partners[a]!, ...partners[b]!].reduce((sum, [, value]) => sum + Math.abs(value), 0)
        most = Math.max(most, (Math.abs(cost[a]! - cost[b]!) + pull) / more)
      }
  return 2 * most
}
