import { solve } from '../index.js'
import type { QuadraticModel, Solution } from '../quadratic.js'
import { quadraticBuilder } from '../quadratic-builder.js'
import type { SolverName } from '../solvers/index.js'
import { uniformNumbers } from '../solvers/uniform-numbers.js'
import type { Choices } from './choice-problem.js'
import { exchange, fillGreedily, fit, stateOf } from './state.js'

export interface QuboChoiceOptions {
  readonly time: number
  readonly seed: number
  readonly solver?: SolverName | undefined
  readonly sizeLimit?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** How often the price is halved in: each solve gets its share of the time. */
const prices = 12

/**
 * As a QUBO. The first option of each group needs no bit (all others at 0), two of one group together get a penalty. The budget is no penalty,
 * whose slack bits searches are bad at, but a price for weight (a Lagrange multiplier) that is halved in until it is just kept; what a
 * solution takes too much is given back, what is left over is filled, and both by the real costs; a few exchanges follow, as of local search.
 * It begins with the greedy choice, so it is never worse than that.
 */
export async function quboChoice(choices: Choices, options: QuboChoiceOptions): Promise<{ choice: number[]; bits: number }> {
  const { limit } = choices
  const model = choiceModel(choices)
  const draw = uniformNumbers(options.seed)
  let best = stateOf(choices)
  fillGreedily(choices, best)
  const time = options.time / (limit === Number.POSITIVE_INFINITY ? 1 : prices)
  const at = async (price: number): Promise<number> => {
    const priced = withPrice(choices, model, price)
    const { seed, solver, sizeLimit, signal } = options
    const { solution } = await solve(priced, { time, seed, solver, sizeLimit, signal })
    const state = stateOf(choices, optionsOf(choices, model, solution))
    const weight = state.weight
    fit(choices, state)
    fillGreedily(choices, state)
    exchange(choices, state, 20 * choices.weight.length, draw)
    fillGreedily(choices, state)
    if (state.objective < best.objective) best = state
    return weight
  }
  if ((await at(0)) > limit) {
    // Above the best gain for a unit of weight nothing is worth taking.
    let [low, high] = [0, highestPrice(choices)]
    for (let k = 1; k < prices && !options.signal?.aborted; k++) {
      // Prices span orders of magnitude: halved in by their ratio.
      const middle = low === 0 ? high / 1000 : Math.sqrt(low * high)
      if ((await at(middle)) > limit) low = middle
      else high = middle
    }
  }
  return { choice: best.choice(), bits: model.size }
}

interface ChoiceModel extends QuadraticModel {
  /** The option of each bit. */
  readonly options: Uint32Array
}

function choiceModel({ starts, cost, partners, groupOf }: Choices): ChoiceModel {
  const bitOf = new Int32Array(cost.length).fill(-1)
  const options: number[] = []
  for (let g = 0; g + 1 < starts.length; g++)
    for (let o = starts[g]! + 1; o < starts[g + 1]!; o++) {
      bitOf[o] = options.length
      options.push(o)
    }
  const builder = quadraticBuilder('binary', options.length)
  for (let g = 0; g + 1 < starts.length; g++) builder.addOffset(cost[starts[g]!]!)
  for (const [bit, o] of options.entries()) builder.addLinear(bit, cost[o]! - cost[starts[groupOf[o]!]!]!)
  // A first option is 1 − Σ of the other bits of its group.
  const expand = (o: number): readonly (readonly [number, number])[] => {
    if (bitOf[o]! >= 0) return [[1, bitOf[o]!]]
    const g = groupOf[o]!
    const others = Array.from({ length: starts[g + 1]! - starts[g]! - 1 }, (_, k) => [-1, bitOf[starts[g]! + 1 + k]!] as const)
    return [[1, -1], ...others]
  }
  partners.forEach((list, a) => {
    for (const [b, value] of list) {
      if (b < a) continue
      for (const [s, i] of expand(a))
        for (const [t, j] of expand(b))
          if (i < 0 && j < 0) builder.addOffset(s * t * value)
          else if (i < 0 || j < 0) builder.addLinear(Math.max(i, j), s * t * value)
          else builder.addQuadratic(i, j, s * t * value)
    }
  })
  return { ...builder.build(), options: Uint32Array.from(options) }
}

/** Adds the price of weights, and penalties that keep a group from being chosen twice. */
function withPrice(
  { starts, weight, groupOf, tiny }: Choices,
  { options, ...model }: ChoiceModel,
  price: number,
): QuadraticModel {
  const linear = model.linear.map((value, bit) => {
    const o = options[bit]!
    return value + price * (weight[o]! - weight[starts[groupOf[o]!]!]!)
  })
  // The most that switching a bit on can gain.
  const gain = linear.map((value) => Math.max(0, -value))
  for (let k = 0; k < model.values.length; k++) {
    const help = Math.max(0, -model.values[k]!)
    gain[model.rows[k]!]! += help
    gain[model.columns[k]!]! += help
  }
  const builder = quadraticBuilder('binary', model.size, model.values.length)
  linear.forEach((value, bit) => {
    builder.addLinear(bit, value)
  })
  for (let k = 0; k < model.values.length; k++) builder.addQuadratic(model.rows[k]!, model.columns[k]!, model.values[k]!)
  for (let i = 0; i < options.length; i++)
    for (let j = i + 1; j < options.length && groupOf[options[j]!] === groupOf[options[i]!]; j++)
      builder.addQuadratic(i, j, tiny + 1.1 * Math.max(gain[i]!, gain[j]!))
  return builder.build()
}

/** The option of each group; where a solution has two, the first. */
function optionsOf({ starts, groupOf }: Choices, { options }: ChoiceModel, solution: Solution): number[] {
  const chosen = Array.from(starts.subarray(0, -1))
  for (let bit = options.length - 1; bit >= 0; bit--) if (solution[bit] === 1) chosen[groupOf[options[bit]!]!] = options[bit]!
  return chosen
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
