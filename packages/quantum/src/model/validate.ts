import type { Solution } from '../quadratic.js'
import type { CompiledModel } from './compile.js'
import type { Expression, Variable } from './expression.js'

export interface BrokenConstraint {
  readonly label: string
  /** By how much. */
  readonly violation: number
}

/** What a solution of a compiled model means for the model. */
export interface ModelSolution {
  /** The objective, without penalties. */
  readonly objective: number
  readonly feasible: boolean
  readonly broken: readonly BrokenConstraint[]
  /** Of a variable or of any expression of the model. */
  value(expression: Expression): number
}

/** What the sums of an expression may be off by, which goes with the size of its coefficients. */
export function toleranceOf(expression: Expression): number {
  let largest = 0
  expression.visit((coefficient) => {
    largest = Math.max(largest, Math.abs(coefficient))
  })
  return 1e-9 * Math.min(1, largest) + 1e-15 * largest
}

export function readSolution(compiled: CompiledModel, solution: Solution): ModelSolution {
  const bitOf = ({ index, vartype }: Variable) => (vartype === 'binary' ? solution[index]! : 2 * solution[index]! - 1)
  const value = (expression: Expression) => expression.evaluate(bitOf)
  const broken = compiled.constraints.flatMap(({ constraint: { expression, relation }, label }) => {
    const amount = value(expression)
    const violation = relation === '=' ? Math.abs(amount) : Math.max(0, relation === '≤' ? amount : -amount)
    return violation > toleranceOf(expression) ? [{ label, violation }] : []
  })
  return { objective: value(compiled.objective), feasible: broken.length === 0, broken, value }
}
