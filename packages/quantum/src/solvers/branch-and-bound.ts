import { breathe } from '../breathe.js'
import { adjacencyOf, energyOf, type QuadraticModel, type Solution } from '../quadratic.js'

/** Nodes between looks at the clock. */
const nodesAtOnce = 4096

/**
 * Depth first over bits, those with the strongest couplings first. What is left can gain no more than Σ min(0, c_i + ½ Σ min(0, q_ij))
 * over the free variables, c being the linear terms after those that are set. Ends unproven after `mostNodes` or when `ended` says so.
 */
export async function branchAndBound(
  model: QuadraticModel,
  upper: Solution | undefined,
  ended: () => boolean,
  mostNodes = Number.POSITIVE_INFINITY,
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
  const best = upper ? upper.slice() : new Uint8Array(size)
  let least = energyOf(model, best) - model.offset
  // What sums may be off by, which goes with the size of the coefficients: those of 1e-12 are no noise beside each other.
  const margin = 1e-13 * strengths.reduce((a, b) => a + b, 0)

  const set = (i: number, bit: number, sign: 1 | -1) => {
    for (let e = offsets[i]!; e < offsets[i + 1]!; e++) {
      const value = values[couplings[e]!]!
      if (bit === 1) cost[neighbours[e]!]! += sign * value
      help[neighbours[e]!]! -= (sign * Math.min(0, value)) / 2
    }
  }
  // At each depth: the energy of what is set above it, and how many values of its variable were tried.
  const energies = new Float64Array(size + 1)
  const tried = new Uint8Array(size + 1)
  const worthIt = (depth: number): boolean => {
    const limit = least - margin
    let bound = energies[depth]!
    for (let k = depth; k < size; k++) bound += Math.min(0, cost[order[k]!]! + help[order[k]!]!)
    return bound < limit
  }
  for (let depth = 0, nodes = 0; depth >= 0; ) {
    if (tried[depth] === 0) {
      if (++nodes > mostNodes) return { solution: best, proven: false }
      if (nodes % nodesAtOnce === 0) {
        await breathe()
        if (ended()) return { solution: best, proven: false }
      }
      const better = worthIt(depth)
      if (better && depth === size) {
        least = energies[depth]!
        best.set(state)
      }
      if (!better || depth === size) {
        depth--
        continue
      }
    }
    const i = order[depth]!
    if (tried[depth]! > 0) set(i, state[i]!, -1)
    if (tried[depth] === 2) {
      tried[depth] = 0
      state[i] = 0
      depth--
      continue
    }
    state[i] = tried[depth] === 0 ? (cost[i]! + help[i]! < 0 ? 1 : 0) : 1 - state[i]!
    tried[depth]!++
    energies[depth + 1] = energies[depth]! + (state[i] === 1 ? cost[i]! : 0)
    set(i, state[i]!, 1)
    depth++
  }
  return { solution: best, proven: true }
}
