import type { Collected } from './collected.js'
import type { Constraint, Variable } from './expression.js'
import type { PenaltyMethod } from './penalty.js'

export interface AddedConstraint {
  readonly constraint: Constraint
  readonly label: string
  readonly weight: number | undefined
  readonly method: PenaltyMethod
}

/** A whole number from 0 to the sum of the weights. */
export interface IntegerBits {
  readonly bits: readonly Variable[]
  readonly weights: readonly number[]
}

/** What was said to a model. */
export interface ModelParts {
  readonly variables: readonly Variable[]
  readonly objective: Collected
  readonly constraints: readonly AddedConstraint[]
  readonly integers: readonly IntegerBits[]
}
