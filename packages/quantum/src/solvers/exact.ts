import { usageError } from '@qt/core'
import { descend } from '../descend.js'
import { adjacencyOf, type QuadraticModel, type Solution } from '../quadratic.js'
import { toBinary } from '../vartype.js'
import { branchAndBound } from './branch-and-bound.js'
import { eliminateAll, eliminationOrder } from './elimination.js'

/** Tables of 2^24 numbers take 128 MB. */
const widest = 23
/** Beyond this branch and bound on a dense model takes longer than anybody waits. */
const mostVariables = 64

/** All tables together: a few seconds, and an eighth of that in bytes. */
const mostStates = 2 ** 30

export interface ExactOptions {
  /** A solution that is known; what is found is no worse. */
  readonly upper?: Solution | undefined
  readonly ended?: (() => boolean) | undefined
  /** Of branch and bound. */
  readonly mostNodes?: number | undefined
}

/**
 * The optimum, proven: by dynamic programming over an elimination order where that is narrow (whatever the size), else, for few
 * variables, by branch and bound. Refuses what is neither. Not proven when it `ended` before.
 */
export async function exactOptimum(
  model: QuadraticModel,
  { upper, ended = () => false, mostNodes }: ExactOptions = {},
): Promise<{ solution: Solution; proven: boolean }> {
  const qubo = toBinary(model)
  const { order, width, states } = eliminationOrder(qubo, widest)
  if (states <= mostStates) {
    const solution = await eliminateAll(qubo, order, ended)
    return solution ? { solution, proven: true } : { solution: upper ?? (await downhill(qubo, ended)), proven: false }
  }
  if (model.size > mostVariables)
    throw usageError(
      'QUBO_TOO_WIDE',
      `${model.size} variables that depend on ${width <= widest ? `up to ${width}` : width} others at once are too many for an exact solution.`,
      {
        actions: ["Use another solver: { solver: 'auto' }.", 'Fix variables or leave small couplings out.'],
      },
    )
  return branchAndBound(qubo, upper ?? (await downhill(qubo, ended)), ended, mostNodes)
}

/** Better than nothing. */
async function downhill(model: QuadraticModel, ended: () => boolean): Promise<Solution> {
  const solution = new Uint8Array(model.size)
  await descend(model, adjacencyOf(model), solution, ended)
  return solution
}

/** About a second of dynamic programming. */
const quickStates = 2 ** 26

/** Whether `exactOptimum` takes no longer than about a second; answered within milliseconds, so that a hard model loses no time by it. */
export function isNarrow(model: QuadraticModel, most = 18): boolean {
  if (model.rows.length > model.size * most || model.size > 20_000) return false
  const { width, states } = eliminationOrder(model, most, 10_000)
  return width <= most && states <= quickStates
}
