import { type ChoiceProblem, invalid } from './choice-problem.js'
import { type DecideOptions, type Decision, decide } from './decide.js'

/** What leaving layers out costs, measured: one by one, and two at a time. */
export interface LayerCosts {
  readonly single: readonly number[]
  /** By pair of layers, the lower one first; where a pair was not measured, its costs add up. */
  readonly pairs: readonly (readonly [number, number, number])[]
}

export interface DropLayersOptions extends DecideOptions {
  /** How many layers to leave out. */
  readonly count: number
}

export interface DroppedLayers {
  readonly layers: readonly number[]
  readonly decision: Decision
}

/**
 * Leaving out a set of layers costs about Σ cᵢ + Σ (cᵢⱼ − cᵢ − cⱼ): exact for one and two layers, a second-order estimate for more
 * (block removal as a QUBO, arXiv 2602.00161).
 */
export function dropLayersProblem({ single, pairs }: LayerCosts, count: number): ChoiceProblem {
  if (!(Number.isInteger(count) && count >= 0 && count < single.length))
    throw invalid(`${count} of ${single.length} layers cannot be left out`)
  return {
    groups: single.map((cost, layer) => ({
      name: `layer ${layer}`,
      options: [
        { name: 'keep', weight: 1, cost: 0 },
        { name: 'leave out', weight: 0, cost },
      ],
    })),
    pairs: pairs.map(([i, j, both]) => [i, 1, j, 1, both - (single[i] ?? Number.NaN) - (single[j] ?? Number.NaN)] as const),
    budget: single.length - count,
  }
}

/**
 * Which layers to leave out of a model so that it loses least.
 *
 * @example
 * ```ts
 * import { dropLayers } from '@qt/quantum/decisions'
 *
 * // Each of the middle layers does what the other can do too: without both, much is lost.
 * const costs = { single: [9, 1, 1, 2], pairs: [[0, 1, 10], [0, 2, 10], [0, 3, 11], [1, 2, 8], [1, 3, 3], [2, 3, 3]] as const }
 * const { layers } = await dropLayers(costs, { count: 2, time: 0.1 }) // 1 and 3, or 2 and 3
 * ```
 */
export async function dropLayers(costs: LayerCosts, options: DropLayersOptions): Promise<DroppedLayers> {
  const decision = await decide(dropLayersProblem(costs, options.count), options)
  return { layers: decision.best.choice.flatMap((out, layer) => (out === 1 ? [layer] : [])), decision }
}
