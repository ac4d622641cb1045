import { usageError } from '@qt/core'
import type { QuadraticModel, Solution } from './quadratic.js'
import { quadraticBuilder } from './quadratic-builder.js'

export interface ReducedModel {
  readonly model: QuadraticModel
  /** A solution of the reduced model as one of the whole, with the same energy. */
  restore(solution: Solution): Solution
}

/**
 * The model that is left when some variables have their values (0 or 1; for spins 0 is −1).
 *
 * @example
 * ```ts
 * const pair = quadraticModel({ linear: [1, 1], couplings: [[0, 1, -3]] })
 * const rest = fixVariables(pair, new Map([[0, 1]]))
 * rest.model.linear // [-2], with offset 1
 * ```
 */
export function fixVariables(model: QuadraticModel, values: ReadonlyMap<number, 0 | 1>): ReducedModel {
  for (const i of values.keys())
    if (!(Number.isInteger(i) && i >= 0 && i < model.size))
      throw usageError('QUBO_NO_VARIABLE', `There is no variable ${i} among ${model.size}.`, {
        actions: [`Variables are numbered from 0 to ${model.size - 1}.`],
      })
  const kept = Uint32Array.from({ length: model.size }, (_, i) => i).filter((i) => !values.has(i))
  const place = new Int32Array(model.size).fill(-1)
  kept.forEach((i, k) => {
    place[i] = k
  })
  const valueAt = (i: number) => (model.vartype === 'spin' ? 2 * values.get(i)! - 1 : values.get(i)!)
  const builder = quadraticBuilder(model.vartype, kept.length, model.values.length)
  builder.addOffset(model.offset)
  for (let i = 0; i < model.size; i++)
    if (place[i]! < 0) builder.addOffset(model.linear[i]! * valueAt(i))
    else builder.addLinear(place[i]!, model.linear[i]!)
  for (let k = 0; k < model.values.length; k++) {
    const [i, j, value] = [model.rows[k]!, model.columns[k]!, model.values[k]!]
    const [a, b] = [place[i]!, place[j]!]
    if (a >= 0 && b >= 0) builder.addQuadratic(a, b, value)
    else if (a >= 0) builder.addLinear(a, value * valueAt(j))
    else if (b >= 0) builder.addLinear(b, value * valueAt(i))
    else builder.addOffset(value * valueAt(i) * valueAt(j))
  }
  return {
    model: builder.build(model.labels && Array.from(kept, (i) => model.labels![i]!)),
    restore(solution) {
      return Uint8Array.from({ length: model.size }, (_, i) => (place[i]! < 0 ? values.get(i)! : solution[place[i]!]!))
    },
  }
}
