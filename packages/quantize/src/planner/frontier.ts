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
  const first = tensors.map(({ options }, i) => options[hulls[i]![0]!]!)
  let bytes = first.reduce((sum, option) => sum + option.bytes, 0)
  let cost = first.reduce((sum, option) => sum + option.cost, 0)
  const all: FrontierPoint[] = [{ bytes, cost }]
  for (const step of stepsOf(tensors, hulls)) {
    bytes += step.bytes
    cost -= step.slope * step.bytes
    all.push({ bytes, cost: Math.max(0, cost) })
  }
  const [least, span] = [all[0]!.bytes, bytes - all[0]!.bytes]
  const nearestTo = (wanted: number) =>
    all.reduce((best, point) => (Math.abs(point.bytes - wanted) < Math.abs(best.bytes - wanted) ? point : best))
  const picked = Array.from({ length: points }, (_, i) => nearestTo(least + (span * i) / (points - 1)))
  return [...new Set(picked)]
}
