import { usageError } from '@qt/core'
import { Collected } from './collected.js'
import { type CompiledModel, type CompileOptions, compile } from './compile.js'
import { type Constraint, type Expression, sum, Variable } from './expression.js'
import type { AddedConstraint, IntegerBits, ModelParts } from './parts.js'
import { countedBits, type PenaltyMethod } from './penalty.js'

export interface ConstraintOptions {
  readonly label?: string
  /** Of the penalty of one unit of violation; chosen from the objective, checked and raised if need be, unless given. */
  readonly weight?: number
  /** Of inequalities: bits for what is left over (exact), or no further bits (not exact). */
  readonly method?: PenaltyMethod
}

/** One of several values: exactly one of its bits is 1. */
export interface Choice<T> {
  readonly bits: readonly Variable[]
  /** The bit of a value. */
  is(value: T): Variable
  /** Σ number(value) · bit: what the choice costs, weighs or counts. */
  map(number: (value: T, index: number) => number): Expression
}

export interface Model extends ModelParts {
  binary(label: string): Variable
  binaries(label: string, count: number): Variable[]
  spin(label: string): Variable
  spins(label: string, count: number): Variable[]
  /** A whole number from low to high, as bits. */
  integer(label: string, low: number, high: number): Expression
  choice<T>(label: string, values: readonly T[]): Choice<T>
  /** Adds to what is minimised. */
  minimise(expression: Expression): void
  maximise(expression: Expression): void
  subjectTo(constraint: Constraint, options?: ConstraintOptions): void
  compile(options?: CompileOptions): CompiledModel
}

/**
 * A model to write down: variables, what to minimise, and constraints.
 *
 * @example
 * ```ts
 * const knapsack = model()
 * const take = knapsack.binaries('take', 4)
 * knapsack.maximise(sum(take.map((x, i) => x.times([5, 4, 3, 6][i]!))))
 * knapsack.subjectTo(sum(take.map((x, i) => x.times([2, 3, 1, 4][i]!))).le(5), { label: 'weight' })
 * const best = await solve(knapsack, { seed: 1 })
 * best.value(take[0]!) // 0 or 1
 * ```
 */
export function model(): Model {
  const variables: Variable[] = []
  const labels = new Set<string>()
  const constraints: AddedConstraint[] = []
  const integers: IntegerBits[] = []

  const add = (label: string, vartype: 'binary' | 'spin'): Variable => {
    if (labels.has(label))
      throw usageError('QUBO_LABEL', `There are two variables called "${label}".`, {
        actions: ['Give each variable a name of its own.'],
      })
    labels.add(label)
    const variable = new Variable(label, vartype, variables.length, made)
    variables.push(variable)
    return variable
  }
  const many = (label: string, count: number, vartype: 'binary' | 'spin') =>
    Array.from({ length: count }, (_, i) => add(`${label}[${i}]`, vartype))
  const require = ({ owner, label }: Variable) => {
    if (owner !== made)
      throw usageError('QUBO_NO_VARIABLE', `The variable "${label}" belongs to another model.`, {
        actions: ['Use variables of the model that the expression is given to.'],
      })
  }
  const objective = new Collected(variables, require)
  const made: Model = {
    variables,
    objective,
    constraints,
    integers,
    binary: (label) => add(label, 'binary'),
    binaries: (label, count) => many(label, count, 'binary'),
    spin: (label) => add(label, 'spin'),
    spins: (label, count) => many(label, count, 'spin'),
    integer(label, low, high) {
      if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || high < low || high - low > 2 ** 40)
        throw usageError('QUBO_RANGE', `The range of "${label}", ${low} to ${high}, is none of whole numbers.`, {
          actions: ['Give two whole numbers, the lower one first.'],
        })
      const weights = countedBits(high - low)
      const bits = weights.map((_, k) => add(`${label}.${k}`, 'binary'))
      integers.push({ bits, weights })
      return sum([low, ...bits.map((bit, k) => bit.times(weights[k]!))])
    },
    choice(label, values) {
      const bits = values.map((value, k) =>
        add(`${label}=${typeof value === 'string' || typeof value === 'number' ? value : k}`, 'binary'),
      )
      made.subjectTo(sum(bits).eq(1), { label })
      return {
        bits,
        is(value) {
          const bit = bits[values.indexOf(value)]
          if (bit) return bit
          throw usageError('QUBO_NO_VARIABLE', `"${label}" has no value ${String(value)}.`, {
            actions: [`Its values are ${values.map(String).join(', ')}.`],
          })
        },
        map: (number) => sum(bits.map((bit, k) => bit.times(number(values[k]!, k)))),
      }
    },
    minimise(expression) {
      objective.add(expression, 1)
    },
    maximise(expression) {
      objective.add(expression, -1)
    },
    subjectTo(constraint, { label = `constraint ${constraints.length + 1}`, weight, method = 'slack' } = {}) {
      if (weight !== undefined && !(weight > 0 && Number.isFinite(weight)))
        throw usageError('QUBO_WEIGHT', `The weight of "${label}" is ${weight}.`, {
          actions: ['Give a positive number, or none.'],
        })
      constraint.expression.visit((_, product) => {
        for (const variable of product) require(variable)
      })
      constraints.push({ constraint, label, weight, method })
    },
    compile: (options) => compile(made, options),
  }
  return made
}
