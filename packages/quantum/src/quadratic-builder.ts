import { usageError } from '@qt/core'
import type { QuadraticModel, Vartype } from './quadratic.js'

/** Collects terms in any order, repeated ones too; `build` adds equal ones up. */
export interface QuadraticBuilder {
  readonly size: number
  addOffset(value: number): void
  addLinear(i: number, value: number): void
  /** i = j is a linear term for bits and a constant for spins. */
  addQuadratic(i: number, j: number, value: number): void
  /** Many at once: the k-th is values[k] · i[k] · j[k]. The arrays may become those of the model: leave them as they are. */
  addQuadratics(i: Uint32Array, j: Uint32Array, values: Float64Array): void
  /** One more variable; returns its number. */
  addVariable(): number
  build(labels?: readonly string[]): QuadraticModel
}

/**
 * @example
 * ```ts
 * const terms = quadraticBuilder('binary', 3)
 * terms.addLinear(0, -2)
 * terms.addQuadratic(0, 1, 1.5)
 * const built = terms.build() // { size: 3, rows: [0], columns: [1], values: [1.5], … }
 * ```
 */
export function quadraticBuilder(vartype: Vartype, variables = 0, expectedTerms = 1024): QuadraticBuilder {
  let size = variables
  let offset = 0
  let linear = new Float64Array(Math.max(16, variables))
  let capacity = Math.max(16, expectedTerms)
  let rows: Uint32Array = new Uint32Array(capacity)
  let columns: Uint32Array = new Uint32Array(capacity)
  let values: Float64Array = new Float64Array(capacity)
  let count = 0
  // A model that was built may use these very arrays.
  let lent = false

  const grow = (least = 0) => {
    capacity = Math.max(lent ? capacity : 2 * capacity, least, count + 1)
    lent = false
    rows = enlarged(rows, new Uint32Array(capacity))
    columns = enlarged(columns, new Uint32Array(capacity))
    values = enlarged(values, new Float64Array(capacity))
  }
  const check = (i: number) => {
    if (!(i >= 0 && i < size) || !Number.isInteger(i)) throw noVariable(i, size)
  }
  return {
    get size() {
      return size
    },
    addOffset(value) {
      offset += finite(value)
    },
    addLinear(i, value) {
      check(i)
      linear[i]! += finite(value)
    },
    addQuadratic(i, j, value) {
      if (i === j) {
        if (vartype === 'binary') this.addLinear(i, value)
        else {
          check(i)
          offset += finite(value)
        }
        return
      }
      check(i)
      check(j)
      if (finite(value) === 0) return
      if (lent || count === capacity) grow()
      rows[count] = Math.min(i, j)
      columns[count] = Math.max(i, j)
      values[count++] = value
    },
    addQuadratics(left, right, all) {
      if (left.length !== all.length || right.length !== all.length)
        throw usageError(
          'QUBO_LENGTHS',
          `There are ${left.length} first variables, ${right.length} second ones and ${all.length} values.`,
          {
            actions: ['Give three lists of one length.'],
          },
        )
      if (count === 0 && isMerged(left, right, all) && isValid(size, left, right, all)) {
        // As `build` would make them: taken as they are, and copied before anything is added to them.
        rows = left
        columns = right
        values = all
        count = capacity = all.length
        lent = true
        return
      }
      if (lent || count + all.length > capacity) grow(count + all.length)
      for (let k = 0; k < all.length; k++) {
        const [i, j, value] = [left[k]!, right[k]!, all[k]!]
        if (i === j || value === 0) this.addQuadratic(i, j, value)
        else {
          if (i >= size || j >= size) throw noVariable(Math.max(i, j), size)
          rows[count] = Math.min(i, j)
          columns[count] = Math.max(i, j)
          values[count++] = finite(value)
        }
      }
    },
    addVariable() {
      if (size === linear.length) linear = enlarged(linear, new Float64Array(2 * size))
      return size++
    },
    build(labels) {
      const terms = [rows.subarray(0, count), columns.subarray(0, count), values.subarray(0, count)] as const
      lent ||= isMerged(...terms)
      const merged = lent ? { rows: terms[0], columns: terms[1], values: terms[2] } : mergeCouplings(size, ...terms)
      return checkedModel({ vartype, size, offset, linear: linear.slice(0, size), ...merged, ...(labels ? { labels } : {}) })
    },
  }
}

/** A model of which every energy is a number: coefficients may be finite and their sums not. */
export function checkedModel(model: QuadraticModel): QuadraticModel {
  let total = Math.abs(model.offset)
  for (const list of [model.linear, model.values]) for (let k = 0; k < list.length; k++) total += Math.abs(list[k]!)
  if (Number.isFinite(total)) return model
  throw usageError('QUBO_NOT_FINITE', `The coefficients of the model sum up to ${total}.`, {
    actions: ['Give coefficients whose sum is a finite number: scale all of them down.'],
  })
}

export interface QuadraticInput {
  readonly vartype?: Vartype
  readonly size?: number
  readonly offset?: number
  readonly linear?: ArrayLike<number>
  readonly couplings?: Iterable<readonly [number, number, number]>
  readonly labels?: readonly string[]
}

/** A model from plain numbers; its size is that of `linear`, of `labels` or of the largest number of a coupling, unless given. */
export function quadraticModel(input: QuadraticInput): QuadraticModel {
  const couplings = [...(input.couplings ?? [])]
  const largest = couplings.reduce((most, [i, j]) => Math.max(most, i, j), -1)
  const size = input.size ?? Math.max(input.linear?.length ?? 0, input.labels?.length ?? 0, largest + 1)
  const builder = quadraticBuilder(input.vartype ?? 'binary', size, couplings.length)
  builder.addOffset(input.offset ?? 0)
  for (let i = 0; i < (input.linear?.length ?? 0); i++) builder.addLinear(i, input.linear![i]!)
  for (const [i, j, value] of couplings) builder.addQuadratic(i, j, value)
  return builder.build(input.labels)
}

/** Sorts by row and column (two counting passes, so in linear time), adds equal pairs up, leaves zeros out. */
export function mergeCouplings(size: number, rows: Uint32Array, columns: Uint32Array, values: Float64Array) {
  const count = rows.length
  if (!sorted(rows, columns)) {
    const byColumn = countingOrder(size, columns, undefined)
    const order = countingOrder(size, rows, byColumn)
    rows = pick(rows, order, new Uint32Array(count))
    columns = pick(columns, order, new Uint32Array(count))
    values = pick(values, order, new Float64Array(count))
  }
  // Counted first: large models should not be in memory twice.
  const kept = sumEqual(rows, columns, values, () => {})
  const merged = { rows: new Uint32Array(kept), columns: new Uint32Array(kept), values: new Float64Array(kept) }
  sumEqual(rows, columns, values, (at, row, column, value) => {
    merged.rows[at] = row
    merged.columns[at] = column
    merged.values[at] = value
  })
  return merged
}

/** Equal pairs of a sorted list added up, without what is 0 then; returns how many there are. */
function sumEqual(
  rows: Uint32Array,
  columns: Uint32Array,
  values: Float64Array,
  write: (at: number, row: number, column: number, value: number) => void,
): number {
  let kept = 0
  for (let k = 0; k < rows.length; ) {
    const [row, column] = [rows[k]!, columns[k]!]
    let value = 0
    for (; k < rows.length && rows[k] === row && columns[k] === column; k++) value += values[k]!
    if (value !== 0) write(kept++, row, column, value)
  }
  return kept
}

/** In order, without equal pairs and zeros: as models are mostly written down. */
function isMerged(rows: Uint32Array, columns: Uint32Array, values: Float64Array): boolean {
  for (let k = 0; k < rows.length; k++) {
    if (values[k] === 0) return false
    if (k > 0 && (rows[k]! < rows[k - 1]! || (rows[k] === rows[k - 1] && columns[k]! <= columns[k - 1]!))) return false
  }
  return true
}

/** Finite numbers of two different variables, the smaller one first. */
function isValid(size: number, rows: Uint32Array, columns: Uint32Array, values: Float64Array): boolean {
  for (let k = 0; k < rows.length; k++)
    if (rows[k]! >= columns[k]! || columns[k]! >= size || !Number.isFinite(values[k]!)) return false
  return true
}

function sorted(rows: Uint32Array, columns: Uint32Array): boolean {
  for (let k = 1; k < rows.length; k++)
    if (rows[k]! < rows[k - 1]! || (rows[k] === rows[k - 1] && columns[k]! < columns[k - 1]!)) return false
  return true
}

/** The stable order by key of what `before` lists (or of everything). */
function countingOrder(size: number, keys: Uint32Array, before: Uint32Array | undefined): Uint32Array {
  const starts = new Uint32Array(size + 1)
  for (let k = 0; k < keys.length; k++) starts[keys[k]! + 1]!++
  for (let i = 0; i < size; i++) starts[i + 1]! += starts[i]!
  const order = new Uint32Array(keys.length)
  for (let n = 0; n < keys.length; n++) {
    const k = before ? before[n]! : n
    order[starts[keys[k]!]!++] = k
  }
  return order
}

function pick<T extends Uint32Array | Float64Array>(from: T, order: Uint32Array, into: T): T {
  for (let k = 0; k < order.length; k++) into[k] = from[order[k]!]!
  return into
}

function enlarged<T extends Uint32Array | Float64Array>(from: T, into: T): T {
  into.set(from)
  return into
}

const finite = (value: number): number => {
  if (Number.isFinite(value)) return value
  throw usageError('QUBO_NOT_FINITE', `A coefficient is ${value}.`, { actions: ['Every coefficient must be a finite number.'] })
}

const noVariable = (i: number, size: number) =>
  usageError('QUBO_NO_VARIABLE', `There is no variable ${i} among ${size}.`, {
    actions: [size === 0 ? 'Add variables first.' : `Variables are numbered from 0 to ${size - 1}.`],
  })
