import { fixVariables, type ReducedModel } from './fix.js'
import { adjacencyOf, type QuadraticModel, type Solution } from './quadratic.js'
import { roofDuality } from './roof-duality.js'
import { toBinary, toVartype } from './vartype.js'

export interface Presolved extends ReducedModel {
  /** Variables that were decided, or made to follow from one other. */
  readonly removed: number
}

/** What became of a variable, in the order it happened: later ones are undone first. */
type Step =
  | { readonly variable: number; readonly value: 0 | 1 }
  | { readonly variable: number; readonly of: number; readonly whenZero: 0 | 1; readonly whenOne: 0 | 1 }

/**
 * Decides what every optimum may have: a bit whose cost cannot become positive is 1, one whose gain cannot become negative is 0
 * (persistency); a bit with a single neighbour follows from it; roof duality decides what follows from many couplings together. Repeated until
 * nothing changes. At least one optimum stays. Beyond 5000 couplings there is no roof duality: its flow would take longer than it helps.
 *
 * @example
 * ```ts
 * const chain = quadraticModel({ linear: [1, -2, 1], couplings: [[0, 1, -2], [1, 2, -2]] })
 * const { model: rest, restore } = presolve(chain)
 * rest.size // 0
 * restore(new Uint8Array(0)) // [1, 1, 1]
 * ```
 */
export function presolve(given: QuadraticModel): Presolved {
  let reduced = reduceDegrees(toBinary(given))
  // What roof duality decides may leave others with one neighbour.
  while (reduced.model.values.length <= mostForFlow && !isSymmetric(reduced.model)) {
    const { fixed } = roofDuality(reduced.model)
    if (fixed.size === 0) break
    reduced = after(reduced, fixVariables(reduced.model, fixed))
    reduced = after(reduced, reduceDegrees(reduced.model))
  }
  // Where nothing is decided no coefficient is rounded, either.
  if (reduced.removed === 0) return { model: given, removed: 0, restore: (solution) => solution.slice() }
  return { ...reduced, model: toVartype(reduced.model, given.vartype) }
}

/** Whether energies stay when all bits flip, as of a maximum cut: then nothing is certain. True of a model without variables. */
function isSymmetric({ size, linear, rows, columns, values }: QuadraticModel): boolean {
  // Four times the linear terms of spins, and what they are sums of.
  const field = linear.map((value) => 2 * value)
  const largest = field.map(Math.abs)
  for (const [k, value] of values.entries())
    for (const i of [rows[k]!, columns[k]!]) {
      field[i]! += value
      largest[i]! += Math.abs(value)
    }
  for (let i = 0; i < size; i++) if (Math.abs(field[i]!) > 1e-12 * largest[i]!) return false
  return true
}

/** Beyond this many couplings a flow takes longer than it helps. */
const mostForFlow = 5_000

const after = (first: Presolved, second: ReducedModel): Presolved => ({
  model: second.model,
  removed: first.removed + first.model.size - second.model.size,
  restore: (solution) => first.restore(second.restore(solution)),
})

/** Of bits. */
function reduceDegrees(model: QuadraticModel): Presolved {
  const { size } = model
  const { offsets, neighbours, couplings } = adjacencyOf(model)
  const linear = model.linear.slice()
  let offset = model.offset
  const around = Array.from({ length: size }, (_, i) => {
    const map = new Map<number, number>()
    for (let e = offsets[i]!; e < offsets[i + 1]!; e++) map.set(neighbours[e]!, model.values[couplings[e]!]!)
    return map
  })
  const gone = new Uint8Array(size)
  const steps: Step[] = []
  const queue = Array.from({ length: size }, (_, i) => i)
  const waiting = new Uint8Array(size).fill(1)
  const remove = (i: number, step: Step) => {
    gone[i] = 1
    steps.push(step)
    for (const j of around[i]!.keys()) {
      around[j]!.delete(i)
      if (waiting[j] === 0) {
        waiting[j] = 1
        queue.push(j)
      }
    }
  }
  for (let head = 0; head < queue.length; head++) {
    const i = queue[head]!
    waiting[i] = 0
    if (gone[i] === 1) continue
    let [low, high] = [linear[i]!, linear[i]!]
    for (const value of around[i]!.values())
      if (value < 0) low += value
      else high += value
    if (low >= 0) remove(i, { variable: i, value: 0 })
    else if (high <= 0) {
      offset += linear[i]!
      for (const [j, value] of around[i]!) linear[j]! += value
      remove(i, { variable: i, value: 1 })
    } else if (around[i]!.size === 1) {
      const [[j, value]] = [...around[i]!] as [[number, number]]
      const [zero, one] = [Math.min(0, linear[i]!), Math.min(0, linear[i]! + value)]
      offset += zero
      linear[j]! += one - zero
      remove(i, { variable: i, of: j, whenZero: linear[i]! < 0 ? 1 : 0, whenOne: linear[i]! + value < 0 ? 1 : 0 })
    }
  }
  const fixed = new Map<number, 0 | 1>()
  for (let i = 0; i < size; i++) if (gone[i] === 1) fixed.set(i, 0)
  const rest = fixVariables({ ...model, linear, offset }, fixed)
  return {
    // With removed bits at 0 only what was carried over to the others is left.
    model: rest.model,
    removed: fixed.size,
    restore(solution: Solution) {
      const whole = rest.restore(solution)
      for (const step of steps.toReversed())
        whole[step.variable] = 'value' in step ? step.value : whole[step.of] === 1 ? step.whenOne : step.whenZero
      return whole
    },
  }
}
