import { breathe } from '../breathe.js'
import type { Solution } from '../quadratic.js'
import type { Expression } from './expression.js'
import type { ModelParts } from './parts.js'
import { polynomialOf } from './polynomial.js'
import { toleranceOf } from './validate.js'

/** Products looked at, in all: below a second. */
const mostWork = 3e7
/** With more it would hardly begin. */
const mostProducts = 100_000

interface Product {
  /** 0 is the objective, k + 1 constraint k. */
  readonly of: number
  readonly coefficient: number
  readonly bits: readonly number[]
}

/**
 * Goes downhill in the objective among solutions that break nothing, by turning one bit and by turning two: penalties make such moves
 * steep for a search, and slack in coarse units leaves room unused. The bits are those of the model; a solution that breaks something
 * stays as it is.
 */
export async function polish(parts: ModelParts, solution: Solution, ended: () => boolean): Promise<Solution> {
  const size = parts.variables.length
  if (parts.constraints.length === 0 || parts.objective.products > mostProducts) return solution.slice()
  const { products, values, low, high } = functionsOf(parts)
  const bits = solution.slice()
  const around: Product[][] = Array.from({ length: size }, () => [])
  for (const product of products) {
    for (const bit of product.bits) around[bit]!.push(product)
    if (product.bits.every((bit) => bits[bit] === 1)) values[product.of]! += product.coefficient
  }
  const holds = () => values.every((value, k) => k === 0 || (value >= low[k]! && value <= high[k]!))
  if (!holds()) return bits
  let work = 0
  const turn = (i: number) => {
    const sign = bits[i] === 1 ? -1 : 1
    bits[i] = 1
    for (const { of, coefficient, bits: others } of around[i]!) {
      let all = true
      for (const other of others) all &&= bits[other] === 1
      if (all) values[of]! += sign * coefficient
    }
    bits[i] = sign === 1 ? 1 : 0
    work += around[i]!.length + values.length
  }
  // What sums may be off by is no gain.
  const least =
    1e-9 * products.reduce((most, { of, coefficient }) => (of === 0 ? Math.max(most, Math.abs(coefficient)) : most), 0)
  const better = (than: number) => values[0]! < than - least && holds()
  for (let going = true; going; ) {
    going = false
    for (let i = 0; i < size; i++) {
      await breathe()
      if (work > mostWork || ended()) return bits
      const before = values[0]!
      turn(i)
      let kept = better(before)
      for (let j = i + 1; j < size && !kept; j++) {
        turn(j)
        kept = better(before)
        if (!kept) turn(j)
      }
      if (kept) going = true
      else turn(i)
    }
  }
  return bits
}

/** Objective and constraints as products of bits, with the values that each may have. */
function functionsOf({ objective, constraints }: ModelParts) {
  const products: Product[] = []
  const values: number[] = []
  const [low, high]: [number[], number[]] = [[], []]
  const add = (expressions: readonly Expression[], from: number, to: number) => {
    for (const expression of expressions)
      for (const { coefficient, bits } of polynomialOf(expression)) products.push({ of: values.length, coefficient, bits })
    values.push(0)
    low.push(from)
    high.push(to)
  }
  const { NEGATIVE_INFINITY, POSITIVE_INFINITY } = Number
  add([objective.snapshot()], NEGATIVE_INFINITY, POSITIVE_INFINITY)
  for (const { constraint } of constraints) {
    const tolerance = toleranceOf(constraint.expression)
    add(
      [constraint.expression],
      constraint.relation === '≤' ? NEGATIVE_INFINITY : -tolerance,
      constraint.relation === '≥' ? POSITIVE_INFINITY : tolerance,
    )
  }
  return { products, values, low, high }
}
