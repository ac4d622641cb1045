import { usageError } from '@qt/core'

export type Vartype = 'binary' | 'spin'

/**
 * A quadratic function of n variables that are 0 or 1 (binary) or −1 or +1 (spin), to be minimised:
 * offset + Σ linear[i] x_i + Σ values[k] x_rows[k] x_columns[k].
 * Couplings are sorted by row and column, row < column, each pair once.
 */
export interface QuadraticModel {
  readonly vartype: Vartype
  readonly size: number
  readonly offset: number
  readonly linear: Float64Array
  readonly rows: Uint32Array
  readonly columns: Uint32Array
  readonly values: Float64Array
  /** Names of the variables, where they have any. */
  readonly labels?: readonly string[] | undefined
}

/** A value for each variable: 0 or 1, whatever the type of the model; for spins 0 is −1. */
export type Solution = Uint8Array

/**
 * The value of a model at a solution.
 *
 * @example
 * ```ts
 * const twoBits = quadraticModel({ size: 2, linear: [-1, -1], couplings: [[0, 1, 3]] })
 * energyOf(twoBits, Uint8Array.of(1, 0)) // -1
 * ```
 */
export function energyOf(model: QuadraticModel, solution: ArrayLike<number>): number {
  if (solution.length !== model.size)
    throw usageError(
      'QUBO_SOLUTION_SIZE',
      `A solution of ${solution.length} values does not fit a model of ${model.size} variables.`,
      {
        actions: ['Give one value for each variable.'],
      },
    )
  const { linear, rows, columns, values } = model
  const [zero, one] = model.vartype === 'spin' ? [-1, 1] : [0, 1]
  const x = Float64Array.from(solution, (bit) => (bit > 0 ? one : zero))
  let energy = model.offset
  for (let i = 0; i < linear.length; i++) energy += linear[i]! * x[i]!
  for (let k = 0; k < values.length; k++) energy += values[k]! * x[rows[k]!]! * x[columns[k]!]!
  return energy
}

/** Couplings row by row in both directions, as solvers walk through them. */
export interface Adjacency {
  readonly offsets: Uint32Array
  readonly neighbours: Uint32Array
  /** The coupling of each entry, by its place in `values`. */
  readonly couplings: Uint32Array
}

export function adjacencyOf({ size, rows, columns }: QuadraticModel): Adjacency {
  const offsets = new Uint32Array(size + 1)
  for (let k = 0; k < rows.length; k++) {
    offsets[rows[k]! + 1]!++
    offsets[columns[k]! + 1]!++
  }
  for (let i = 0; i < size; i++) offsets[i + 1]! += offsets[i]!
  const at = offsets.slice(0, size)
  const neighbours = new Uint32Array(2 * rows.length)
  const couplings = new Uint32Array(2 * rows.length)
  for (let k = 0; k < rows.length; k++) {
    const [i, j] = [rows[k]!, columns[k]!]
    const [a, b] = [at[i]!++, at[j]!++]
    neighbours[a] = j
    neighbours[b] = i
    couplings[a] = k
    couplings[b] = k
  }
  return { offsets, neighbours, couplings }
}

/** The name of a variable: its label, or its number. */
export const nameOf = (model: QuadraticModel, index: number): string => model.labels?.[index] ?? String(index)
