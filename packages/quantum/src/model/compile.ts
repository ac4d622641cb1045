import type { QuadraticModel } from '../quadratic.js'
import { quadraticBuilder } from '../quadratic-builder.js'
import { type Expression, Variable } from './expression.js'
import type { AddedConstraint, ModelParts } from './parts.js'
import { penaltyOf } from './penalty.js'
import { type AcceptProduct, type Monomial, overBits } from './polynomial.js'
import { reduceOrder } from './reduce-order.js'

/** A model as a QUBO, with what is needed to read its solutions. */
export interface CompiledModel {
  /** Of the variables of the model first, then of slacks and reductions. */
  readonly qubo: QuadraticModel
  readonly constraints: readonly AddedConstraint[]
  /** The weight of each constraint's penalty. */
  readonly weights: readonly number[]
  readonly objective: Expression
}

export interface CompileOptions {
  /** The weights that were chosen, times this; given weights stay. */
  readonly weightFactor?: number
}

/** Writes constraints as penalties and products of three and more variables as quadratic terms. */
export function compile(parts: ModelParts, { weightFactor = 1 }: CompileOptions = {}): CompiledModel {
  const labels = parts.variables.map(({ label }) => label)
  const newBit = (label: string) => {
    labels.push(label)
    return new Variable(label, 'binary', labels.length - 1, parts)
  }
  const objective = parts.objective.snapshot()
  const penalties = parts.constraints.map(({ constraint, label, method }) => penaltyOf(constraint, label, method, newBit))
  const chosen = parts.constraints.some(({ weight }) => weight === undefined)
    ? weightFactor * largestMove(objective, parts.variables.length)
    : 0
  const weights = parts.constraints.map(({ weight }) => weight ?? chosen)

  const builder = quadraticBuilder('binary', labels.length, objective.products)
  const higher = new Map<string, { bits: readonly number[]; coefficient: number }>()
  const accept = (coefficient: number, bits: readonly number[]) => {
    if (bits.length === 0) builder.addOffset(coefficient)
    else if (bits.length === 1) builder.addLinear(bits[0]!, coefficient)
    else if (bits.length === 2) builder.addQuadratic(bits[0]!, bits[1]!, coefficient)
    else {
      const key = bits.join(' ')
      const there = higher.get(key)
      if (there) there.coefficient += coefficient
      else higher.set(key, { bits, coefficient })
    }
  }
  const acceptProduct: AcceptProduct = (coefficient, i, j) => builder.addQuadratic(i, j, coefficient)
  const products = objective.bitProducts()
  if (products) builder.addQuadratics(products.i, products.j, products.coefficients)
  overBits(products ? objective.withoutProducts() : objective, accept, 1, acceptProduct)
  for (const [k, penalty] of penalties.entries()) overBits(penalty, accept, weights[k]!, acceptProduct)
  const monomials: Monomial[] = [...higher.values()]
  const reduced = reduceOrder(monomials, labels.length)
  for (const { bit, productOf } of reduced.added) {
    builder.addVariable()
    labels[bit] = productOf.map((one) => labels[one]).join('·')
  }
  for (const { coefficient, bits } of reduced.terms) accept(coefficient, bits)
  return { qubo: builder.build(labels), constraints: parts.constraints, weights, objective }
}

/** The most that one flip can change the objective: what a penalty has to outweigh. A bound, so checked by validation afterwards. */
function largestMove(objective: Expression, variables: number): number {
  const moves = new Float64Array(variables)
  overBits(objective, (coefficient, bits) => {
    for (const bit of bits) moves[bit]! += Math.abs(coefficient)
  })
  const most = moves.reduce((a, b) => Math.max(a, b), 0)
  return most === 0 ? 1 : most
}
