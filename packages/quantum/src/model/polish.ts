import { breathe } from '../breathe.js'
import type { Solution } from '../quadratic.js'
import type { Expression, VisitProduct, VisitTerm } from './expression.js'
import type { IntegerBits, ModelParts } from './parts.js'
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
 * steep for a search, and slack in coarse units leaves room unused. Whole numbers are moved too, one and two at a time: from 512 to 511
 * all bits turn, which no search does. The bits are those of the model; a solution that breaks something stays as it is.
 */
export async function polish(parts: ModelParts, solution: Solution, ended: () => boolean): Promise<Solution> {
  const size = parts.variables.length
  if (parts.constraints.length + parts.integers.length === 0 || productsOf(parts) > mostProducts) return solution.slice()
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
  const least = noise(products)
  const better = (than: number) => values[0]! < than - least && holds()
  const stopped = async () => {
    await breathe()
    return work > mostWork || ended()
  }
  const numbers = parts.integers.map((one) => wholeNumber(one, bits, turn))
  /** Moves by powers of two, while they help; false when the time is over. */
  const moveNumbers = async (): Promise<boolean> => {
    for (let a = 0; a < numbers.length; a++)
      for (let b = a; b < numbers.length; b++)
        for (const together of a === b ? [0] : [1, -1])
          for (let step = numbers[a]!.most; step >= 1; step = Math.floor(step / 2))
            for (const by of [step, -step])
              for (let helped = true; helped; ) {
                if (await stopped()) return false
                const before = values[0]!
                const [one, other] = [numbers[a]!.value(), numbers[b]!.value()]
                helped = numbers[a]!.set(one + by) && (together === 0 || numbers[b]!.set(other + together * by)) && better(before)
                if (helped) gone = true
                else {
                  numbers[a]!.set(one)
                  if (together !== 0) numbers[b]!.set(other)
                }
              }
    return true
  }
  let gone = false
  for (let going = true; going; ) {
    going = false
    for (let i = 0; i < size; i++) {
      if (await stopped()) return bits
      const before = values[0]!
      turn(i)
      let kept = better(before)
      for (let j = i + 1; j < size && !kept && work <= mostWork; j++) {
        turn(j)
        kept = better(before)
        if (!kept) turn(j)
      }
      if (kept) going = true
      else turn(i)
    }
    gone = false
    if (!(await moveNumbers())) return bits
    going ||= gone
  }
  return bits
}

/** What sums of the objective may be off by, which is no gain: nothing where all of them are whole numbers. */
function noise(products: readonly Product[]): number {
  let [largest, sum, whole] = [0, 0, true]
  for (const { of, coefficient } of products) {
    if (of !== 0) continue
    largest = Math.max(largest, Math.abs(coefficient))
    sum += Math.abs(coefficient)
    whole &&= Number.isInteger(coefficient)
  }
  return whole && sum < Number.MAX_SAFE_INTEGER ? 0 : 1e-9 * largest
}

/** The bits of a whole number, as one. */
function wholeNumber({ bits: of, weights }: IntegerBits, bits: Uint8Array, turn: (bit: number) => void) {
  // The largest weights first: the others reach all that is less than they are.
  const places = of.map(({ index }, k) => ({ index, weight: weights[k]! })).sort((a, b) => b.weight - a.weight)
  const most = weights.reduce((a, b) => a + b, 0)
  return {
    most,
    value: () => places.reduce((sum, { index, weight }) => sum + bits[index]! * weight, 0),
    /** False where it cannot be. */
    set(value: number): boolean {
      if (value < 0 || value > most) return false
      for (const { index, weight } of places) {
        const bit = value >= weight ? 1 : 0
        value -= bit * weight
        if (bits[index] !== bit) turn(index)
      }
      return true
    },
  }
}

/** How many products of two and more are written down, equal ones too: what there is to add up before it begins. */
function productsOf({ objective, constraints }: ModelParts): number {
  let count = 0
  const term: VisitTerm = (_, variables) => {
    if (variables.length > 1) count++
  }
  const pair: VisitProduct = () => {
    count++
  }
  for (const expression of [objective, ...constraints.map(({ constraint }) => constraint.expression)])
    expression.visit(term, 1, pair)
  return count
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
