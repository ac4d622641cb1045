import { hullOf, stepsOf } from './hull.js'
import type { PlanningProblem } from './problem.js'

/** A size and the least loss at that size. */
export interface FrontierPoint {
  readonly bytes: number
  readonly cost: number
}

/**
 * What every size costs at best, from the smallest to the largest: the corners of the lower hull of all choices, each of them a best
 * choice of its size. At most `points` of them, spread evenly over the sizes.
 */
export function frontierOf(tensors: PlanningProblem['tensors'], points = 16): FrontierPoint[] {
  const hulls = tensors.map(({ options }) => hullOf(options))
  const chosen = tensors.map(({ options }, i) => options[hulls[i]![0]!]!)
  const point = (): FrontierPoint => ({
    bytes: chosen.reduce((sum, option) => sum + option.bytes, 0),
    cost: chosen.reduce((sum, option) => sum + option.cost, 0),
  })
  const all = [point()]
  for (const { tensor, option } of stepsOf(tensors, hulls)) {
    chosen[tensor] = tensors[tensor]!.options[option]!
    all.push(point())
  }
  const [least, span] = [all[0]!.bytes, all.at(-1)!.bytes - all[0]!.bytes]
  const nearestTo = (wanted: number) =>
    all.reduce((best, other) => (Math.abs(other.bytes - wanted) < Math.abs(best.bytes - wanted) ? other : best))
  const picked = Array.from({ length: points }, (_, i) => nearestTo(least + (span * i) / (points - 1)))
  return [...new Set(picked)]
}
