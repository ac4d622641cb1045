import type { Choices } from './choice-problem.js'

/** A choice that is changed step by step: what each change would cost is known at once. */
export interface ChoiceState {
  readonly chosen: Uint32Array
  readonly weight: number
  readonly objective: number
  /** What the objective gains or loses when this option replaces that of its group. */
  change(option: number): number
  set(option: number): void
  /** As indices within groups. */
  choice(): number[]
}

/** Begins with the given options (by their place among all), or with the lightest of each group. */
export function stateOf(choices: Choices, given?: readonly number[]): ChoiceState {
  const { starts, groupOf, weight, cost, partners } = choices
  const groups = starts.length - 1
  const chosen = Uint32Array.from({ length: groups }, (_, g) => {
    if (given) return given[g]!
    let best = starts[g]!
    for (let o = best + 1; o < starts[g + 1]!; o++)
      if (weight[o]! < weight[best]! || (weight[o] === weight[best] && cost[o]! < cost[best]!)) best = o
    return best
  })
  // What the pairs with everything that is chosen add to each option.
  const field = new Float64Array(cost.length)
  let [total, objective] = [0, 0]
  for (const option of chosen) {
    total += weight[option]!
    objective += cost[option]! + field[option]!
    for (const [other, value] of partners[option]!) field[other]! += value
  }
  return {
    chosen,
    get weight() {
      return total
    },
    get objective() {
      return objective
    },
    change(option) {
      const old = chosen[groupOf[option]!]!
      return cost[option]! + field[option]! - cost[old]! - field[old]!
    },
    set(option) {
      const group = groupOf[option]!
      const old = chosen[group]!
      if (old === option) return
      objective += this.change(option)
      total += weight[option]! - weight[old]!
      for (const [other, value] of partners[old]!) field[other]! -= value
      for (const [other, value] of partners[option]!) field[other]! += value
      chosen[group] = option
    },
    choice: () => Array.from(chosen, (option, g) => option - starts[g]!),
  }
}

/** Step by step the change that gains most for what it takes, as long as it fits. */
export function fillGreedily(choices: Choices, state: ChoiceState): void {
  const { weight, groupOf, limit, tiny } = choices
  for (;;) {
    let best = -1
    let bestRate = 0
    let bestIsFree = false
    for (let option = 0; option < weight.length; option++) {
      const gain = -state.change(option)
      if (gain <= tiny) continue
      const more = weight[option]! - weight[state.chosen[groupOf[option]!]!]!
      if (state.weight + more > limit) continue
      // What takes nothing more comes first.
      const isFree = more <= 0
      const rate = isFree ? gain : gain / more
      if (isFree === bestIsFree ? rate > bestRate : isFree) [best, bestRate, bestIsFree] = [option, rate, isFree]
    }
    if (best < 0) return
    state.set(best)
  }
}

/** Gives back what costs least for what it frees, until the budget is kept. */
export function fit(choices: Choices, state: ChoiceState): void {
  const { weight, groupOf, limit } = choices
  while (state.weight > limit) {
    let best = -1
    let bestRate = Number.POSITIVE_INFINITY
    for (let option = 0; option < weight.length; option++) {
      const freed = weight[state.chosen[groupOf[option]!]!]! - weight[option]!
      if (freed <= 0) continue
      const rate = state.change(option) / freed
      if (rate < bestRate) [best, bestRate] = [option, rate]
    }
    if (best < 0) return
    state.set(best)
  }
}

/** Exchanges: one change that frees, one that uses it, as long as both together gain. Looks at `tries` random ones. */
export function exchange(choices: Choices, state: ChoiceState, tries: number, draw: () => number): void {
  const { weight, groupOf, limit, tiny } = choices
  const pick = () => Math.floor(draw() * weight.length)
  for (let k = 0; k < tries; k++) {
    const [a, b] = [pick(), pick()]
    if (groupOf[a] === groupOf[b]) continue
    const [oldA, oldB, before] = [state.chosen[groupOf[a]!]!, state.chosen[groupOf[b]!]!, state.objective]
    state.set(a)
    state.set(b)
    if (state.objective < before - tiny && state.weight <= limit) continue
    state.set(oldB)
    state.set(oldA)
  }
}
