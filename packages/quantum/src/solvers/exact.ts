import { usageError } from '@qt/core'
import type { QuadraticModel, Solution } from '../quadratic.js'
import { toBinary } from '../vartype.js'
import { branchAndBound } from './branch-and-bound.js'
import { eliminateAll, eliminationOrder } from './elimination.js'

/** Tables of 2^24 numbers take 128 MB. */
const widest = 23
/** Beyond this branch and bound on a dense model takes longer than anybody waits. */
const mostVariables = 64

/**
 * The optimum, proven: by dynamic programming over an elimination order where that is narrow (whatever the size), else, for few
 * variables, by branch and bound. Refuses what is neither.
 */
export async function exactOptimum(
  model: QuadraticModel,
  options: { readonly upper?: { energy: number; solution: Solution } | undefined; readonly ended?: () => boolean } = {},
): Promise<{ solution: Solution; proven: boolean }> {
  const qubo = toBinary(model)
  const { order, width } = eliminationOrder(qubo, widest)
  if (width <= widest) return { solution: eliminateAll(qubo, order), proven: true }
  if (model.size > mostVariables)
    throw usageError(
      'QUBO_TOO_WIDE',
      `${model.size} variables that depend on ${width} others at once are too many for an exact solution.`,
      {
        actions: ["Use another solver: { solver: 'auto' }.", 'Fix variables or leave small couplings out.'],
      },
    )
  return branchAndBound(qubo, options.upper, options.ended ?? (() => false))
}

/** Whether `exactOptimum` takes no longer than about a second; answered within milliseconds, so that a hard model loses no time by it. */
export function isNarrow(model: QuadraticModel, most = 18): boolean {
  if (model.rows.length > model.size * most || model.size > 20_000) return false
  return eliminationOrder(model, most, 10_000).width <= most
}
