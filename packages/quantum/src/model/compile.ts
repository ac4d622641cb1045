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
  /** Where penalties are so large that a search can hardly see the objective beside them. */
  readonly warnings: readonly string[]
  /** Slacks count in coarser units: what is optimal here may not be so for the model. */
  readonly rounded: boolean
}

export interface CompileOptions {
  /** The weights that were chosen, times this; given weights stay. */
  readonly weightFactor?: number
  /** Chosen weights are as large as the objective's whole range, if that is more: nothing that breaks a constraint can be an optimum. */
  readonly sure?: boolean
  /**
   * Slacks count in coarser units where a penalty would else be so large that a search cannot see the objective beside it. What fulfils
   * such a penalty fulfils its constraint, but a little of the room that the constraint leaves is not used.
   */
  readonly coarse?: boolean
}

/** A penalty that may change by so much more than the objective is made coarser, for a first answer. */
const coarseFrom = 2 ** 14
/** Beyond this the objective is lost in the noise of a search, or in the rounding to whole numbers. */
const hiddenFrom = 2 ** 20

/** Writes constraints as penalties and products of three and more variables as quadratic terms. */
export function compile(parts: ModelParts, options: CompileOptions = {}): CompiledModel {
  const { weightFactor = 1, sure = false, coarse = false } = options
  const labels = parts.variables.map(({ label }) => label)
  const taken = new Set(parts.constraints.length > 0 ? labels : [])
  const newBit = (wanted: string) => {
    let label = wanted
    while (taken.has(label)) label += "'"
    taken.add(label)
    labels.push(label)
    return new Variable(label, 'binary', labels.length - 1, parts)
  }
  const objective = parts.objective.snapshot()
  const { move, range } = parts.constraints.length > 0 ? reachOf(objective, parts.variables.length) : nothing
  const lightest = move === 0 ? 1 : move
  const chosen = Math.max(weightFactor * lightest, sure ? range + lightest : 0)
  const weights = parts.constraints.map(({ weight }) => weight ?? chosen)
  const penalties = parts.constraints.map(({ constraint, label, method, weight }) => {
    const mostField = coarse && move > 0 ? (coarseFrom * move) / (weight ?? lightest) : Number.POSITIVE_INFINITY
    return penaltyOf(constraint, label, method, newBit, mostField)
  })
  const rounded = penalties.some((penalty) => penalty.rounded)
  const warnings = penalties.flatMap(({ field }, k) =>
    move > 0 && field * weights[k]! > hiddenFrom * move ? [hiddenWarning(parts.constraints[k]!)] : [],
  )

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
  for (const [k, penalty] of penalties.entries()) overBits(penalty.expression, accept, weights[k]!, acceptProduct)
  const monomials: Monomial[] = [...higher.values()]
  const reduced = reduceOrder(monomials, labels.length)
  for (const { bit, productOf } of reduced.added) {
    builder.addVariable()
    labels[bit] = productOf.map((one) => labels[one]).join('·')
  }
  for (const { coefficient, bits } of reduced.terms) accept(coefficient, bits)
  return { qubo: builder.build(labels), constraints: parts.constraints, weights, objective, warnings, rounded }
}

const nothing = { move: 0, range: 0 }

/**
 * The most that one flip can change the objective, which a penalty has to outweigh as a rule, and the most that all flips together can:
 * a bound that always holds. What is broken nevertheless is seen afterwards.
 */
function reachOf(objective: Expression, variables: number): { move: number; range: number } {
  const moves = new Float64Array(variables)
  let range = 0
  overBits(objective, (coefficient, bits) => {
    for (const bit of bits) moves[bit]! += Math.abs(coefficient)
    if (bits.length > 0) range += Math.abs(coefficient)
  })
  return { move: moves.reduce((a, b) => Math.max(a, b), 0), range }
}

const hiddenWarning = ({ label, weight }: AddedConstraint): string =>
  `The penalty of "${label}" changes by over a million times what the objective changes by, so a search hardly sees the objective. ${
    weight === undefined
      ? 'Round its coefficients to coarser units.'
      : 'Give it a lower weight, or round its coefficients to coarser units.'
  }`
