import { network } from './max-flow.js'
import type { QuadraticModel } from './quadratic.js'
import { toBinary } from './vartype.js'

export interface RoofDual {
  /** No solution has a lower energy. */
  readonly bound: number
  /** Variables that have this value in every optimum (0 is −1 for spins). */
  readonly fixed: ReadonlyMap<number, 0 | 1>
}

/**
 * Roof duality: a lower bound, and variables whose values are certain. The model is written with positive coefficients only, of bits and
 * of their negations; each term becomes two arcs of an implication network, and what its largest flow leaves reachable must be true.
 * Hammer, Hansen, Simeone (1984); Boros, Hammer, "Pseudo-Boolean optimization", Discrete Applied Mathematics 123 (2002).
 * Exact for whole coefficients below 2^53, else up to the rounding of energies.
 *
 * @example
 * ```ts
 * const pull = quadraticModel({ linear: [-3, 1], couplings: [[0, 1, -2]] })
 * roofDuality(pull) // { bound: -4, fixed: Map { 0 → 1, 1 → 1 } }
 * ```
 */
export function roofDuality(given: QuadraticModel): RoofDual {
  const { size, offset, linear, rows, columns, values } = toBinary(given)
  // Node 2i: bit i is 1; node 2i + 1: it is 0. Truth and its negation are the last two.
  const not = (literal: number) => literal ^ 1
  const truth = 2 * size
  const implications = network(2 * size + 2)
  let bound = offset
  /** coefficient · u · v: where u holds, not v saves it. Twice the capacities keep whole numbers whole. */
  const addTerm = (u: number, v: number, coefficient: number) => {
    implications.addArc(u, not(v), coefficient)
    implications.addArc(v, not(u), coefficient)
  }
  const costs = linear.slice()
  for (let k = 0; k < values.length; k++) {
    const [i, j, value] = [rows[k]!, columns[k]!, values[k]!]
    if (value > 0) addTerm(2 * i, 2 * j, value)
    else {
      // −|q| x y = −|q| x + |q| x (1 − y)
      costs[i]! += value
      addTerm(2 * i, 2 * j + 1, -value)
    }
  }
  for (let i = 0; i < size; i++) {
    const cost = costs[i]!
    if (cost > 0) addTerm(truth, 2 * i, cost)
    else if (cost < 0) {
      bound += cost
      addTerm(truth, 2 * i + 1, -cost)
    }
  }
  bound += implications.flow(truth, not(truth)) / 2
  const fixed = new Map<number, 0 | 1>()
  for (let i = 0; i < size; i++) {
    const [one, zero] = [implications.reaches(2 * i), implications.reaches(2 * i + 1)]
    if (one !== zero) fixed.set(i, one ? 1 : 0)
  }
  return { bound, fixed }
}
