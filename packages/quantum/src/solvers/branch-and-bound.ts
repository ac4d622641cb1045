import { adjacencyOf, energyOf, type QuadraticModel, type Solution } from '../quadratic.js'

/**
 * Depth first over bits, those with the strongest couplings first. What is left can gain no more than Σ min(0, c_i + ½ Σ min(0, q_ij))
 * over the free variables, c being the linear terms after those that are set.
 */
export async function branchAndBound(
  model: QuadraticModel,
  upper: { energy: number; solution: Solution } | undefined,
  ended: () => boolean,
): Promise<{ solution: Solution; proven: boolean }> {
  const { size, linear, values } = model
  const { offsets, neighbours, couplings } = adjacencyOf(model)
  const strength = (i: number) => {
    let total = Math.abs(linear[i]!)
    for (let e = offsets[i]!; e < offsets[i + 1]!; e++) total += Math.abs(values[couplings[e]!]!)
    return total
  }
  const strengths = Float64Array.from({ length: size }, (_, i) => strength(i))
  const order = Uint32Array.from({ length: size }, (_, i) => i).sort((a, b) => strengths[b]! - strengths[a]!)
  const cost = linear.slice()
  // Half of the negative couplings to free variables.
  const help = new Float64Array(size)
  for (let i = 0; i < size; i++)
    for (let e = offsets[i]!; e < offsets[i + 1]!; e++) help[i]! += Math.min(0, values[couplings[e]!]!) / 2
  const state = new Uint8Array(size)
  const best = upper ? upper.solution.slice() : new Uint8Array(size)
  let least = (upper ? upper.energy : energyOf(model, best)) - model.offset
  const margin = 1e-9 * Math.max(1, Math.abs(least))
  let steps = 0
  let stopped = false

  const set = (i: number, bit: number, sign: 1 | -1) => {
    for (let e = offsets[i]!; e < offsets[i + 1]!; e++) {
      const value = values[couplings[e]!]!
      if (bit === 1) cost[neighbours[e]!]! += sign * value
      help[neighbours[e]!]! -= (sign * Math.min(0, value)) / 2
    }
  }
  const search = (depth: number, energy: number): void => {
    if (stopped || (++steps % 65_536 === 0 && ended())) {
      stopped = true
      return
    }
    if (depth === size) {
      if (energy < least - margin) {
        least = energy
        best.set(state)
      }
      return
    }
    let bound = energy
    for (let k = depth; k < size; k++) bound += Math.min(0, cost[order[k]!]! + help[order[k]!]!)
    if (bound >= least - margin) return
    const i = order[depth]!
    const first = cost[i]! + help[i]! < 0 ? 1 : 0
    for (const bit of [first, 1 - first]) {
      const gain = bit === 1 ? cost[i]! : 0
      state[i] = bit
      set(i, bit, 1)
      search(depth + 1, energy + gain)
      set(i, bit, -1)
    }
    state[i] = 0
  }
  search(0, 0)
  return { solution: best, proven: !stopped }
}
