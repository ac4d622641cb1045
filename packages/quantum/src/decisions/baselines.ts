import { breathe } from '../breathe.js'
import { uniformNumbers } from '../solvers/uniform-numbers.js'
import type { Choices } from './choice-problem.js'
import { type ChoiceState, exchange, fillGreedily, stateOf } from './state.js'

/** Once downhill. */
export function greedyChoice(choices: Choices): number[] {
  const state = stateOf(choices)
  fillGreedily(choices, state)
  return state.choice()
}

export interface RepeatOptions {
  /** Seconds. */
  readonly time: number
  readonly seed: number
  readonly signal?: AbortSignal | undefined
}

/** The best of as many random choices as fit into the time; each takes random options for as long as the budget lasts. */
export function randomChoice(choices: Choices, options: RepeatOptions): Promise<number[]> {
  return repeated(options, (draw) => randomState(choices, draw))
}

/** The same with each one improved by single changes and exchanges: what a programmer without a QUBO would do. */
export function localSearchChoice(choices: Choices, options: RepeatOptions): Promise<number[]> {
  return repeated(options, (draw) => {
    const state = randomState(choices, draw)
    fillGreedily(choices, state)
    exchange(choices, state, 20 * choices.weight.length, draw)
    fillGreedily(choices, state)
    return state
  })
}

async function repeated({ time, seed, signal }: RepeatOptions, make: (draw: () => number) => ChoiceState): Promise<number[]> {
  const started = performance.now()
  const draw = uniformNumbers(seed)
  let best = make(draw)
  while ((performance.now() - started) / 1000 < time) {
    const state = make(draw)
    if (state.objective < best.objective) best = state
    await breathe()
    signal?.throwIfAborted()
  }
  return best.choice()
}

function randomState(choices: Choices, draw: () => number): ChoiceState {
  const { starts } = choices
  const given = Array.from(
    { length: starts.length - 1 },
    (_, g) => starts[g]! + Math.floor(draw() * (starts[g + 1]! - starts[g]!)),
  )
  const lightest = stateOf(choices)
  const state = stateOf(choices)
  // In random order, or the first groups would always get what they drew.
  const order = given.map((option) => ({ option, key: draw() })).sort((a, b) => a.key - b.key)
  for (const { option } of order) {
    state.set(option)
    if (state.weight > choices.limit) state.set(lightest.chosen[choices.groupOf[option]!]!)
  }
  return state
}

/** Steps that a budget is cut into, at most. */
const mostSteps = 2000

/**
 * The best choice by single costs, pairs left aside: a multiple-choice knapsack by dynamic programming. Exact where weights are multiples of a
 * number that goes into the budget at most two thousand times; others are rounded up to a two-thousandth of the budget, so that the
 * result fits and may miss the optimum by what rounding takes.
 */
export function separableChoice({ starts, weight, cost, limit }: Choices): number[] {
  const groups = starts.length - 1
  if (limit === Number.POSITIVE_INFINITY)
    return Array.from({ length: groups }, (_, g) => argmin(starts[g]!, starts[g + 1]!, (o) => cost[o]!) - starts[g]!)
  // Above the lightest of each group.
  const floor = Array.from({ length: groups }, (_, g) => weight[argmin(starts[g]!, starts[g + 1]!, (o) => weight[o]!)]!)
  const room = limit - floor.reduce((a, b) => a + b, 0)
  const moreThanFloor = (option: number, g: number) => weight[option]! - floor[g]!
  const common = floor.reduce((divisor, _, g) => {
    for (let o = starts[g]!; o < starts[g + 1]!; o++) divisor = commonDivisor(divisor, moreThanFloor(o, g))
    return divisor
  }, 0)
  const isExact = common >= 1 && room / common <= mostSteps
  const unit = isExact ? common : room / mostSteps
  const steps = isExact ? Math.max(0, Math.floor(room / common)) : mostSteps
  const sizeOf = (option: number, g: number) => {
    const more = moreThanFloor(option, g)
    return more === 0 ? 0 : unit > 0 ? Math.ceil(more / unit) : Number.POSITIVE_INFINITY
  }
  let best = new Float64Array(steps + 1)
  const taken = Array.from({ length: groups }, () => new Uint16Array(steps + 1))
  for (let g = 0; g < groups; g++) {
    const next = new Float64Array(steps + 1).fill(Number.POSITIVE_INFINITY)
    for (let o = starts[g]!; o < starts[g + 1]!; o++) {
      const size = sizeOf(o, g)
      for (let used = size; used <= steps; used++) {
        const value = best[used - size]! + cost[o]!
        if (value >= next[used]!) continue
        next[used] = value
        taken[g]![used] = o - starts[g]!
      }
    }
    best = next
  }
  const choice = new Array<number>(groups).fill(0)
  for (let g = groups - 1, used = steps; g >= 0; g--) {
    choice[g] = taken[g]![used]!
    used -= sizeOf(starts[g]! + choice[g]!, g)
  }
  return choice
}

/** 0 divides by everything; below 1 where the two are not whole. */
function commonDivisor(a: number, b: number): number {
  while (b >= 1) [a, b] = [b, a % b]
  return b === 0 ? a : b
}

function argmin(from: number, to: number, value: (index: number) => number): number {
  let best = from
  for (let k = from + 1; k < to; k++) if (value(k) < value(best)) best = k
  return best
}

/** Everything there is, where that is little; undefined where it is too much. */
export function exhaustiveChoice(choices: Choices, most = 300_000): number[] | undefined {
  const { starts, limit } = choices
  const groups = starts.length - 1
  let count = 1
  for (let g = 0; g < groups; g++) count *= starts[g + 1]! - starts[g]!
  if (count > most) return undefined
  const state = stateOf(choices)
  let best: number[] | undefined
  let least = Number.POSITIVE_INFINITY
  const visit = (g: number): void => {
    if (g === groups) {
      if (state.weight > limit || state.objective >= least) return
      least = state.objective
      best = state.choice()
      return
    }
    for (let o = starts[g]!; o < starts[g + 1]!; o++) {
      state.set(o)
      visit(g + 1)
    }
  }
  visit(0)
  return best
}
