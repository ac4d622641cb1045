import { adjacencyOf, type QuadraticModel } from '../quadratic.js'
import { toSpin } from '../vartype.js'

/** A model as the kernels take it: spins and whole numbers. energy = whole / scale + offset. */
export interface IntegerProblem {
  readonly size: number
  /** Fields fit 16 bits. */
  readonly narrow: boolean
  readonly linear: Int32Array
  /** Couplings row by row in both directions; left out where only the square is needed. */
  readonly offsets?: Uint32Array
  readonly neighbours?: Uint32Array
  readonly weights?: Int32Array
  /** Where couplings are many: all of them, rows padded to a multiple of 32. */
  readonly square?: Int8Array | Int16Array | Int32Array
  readonly scale: number
  readonly offset: number
  /** Coefficients that are so small beside the largest ones that they became 0. */
  readonly lost: number
  /** The root of the mean square of the fields over random states, in whole numbers. */
  readonly typicalField: number
}

/** A square is used when a row of it is read as fast as the couplings one by one. */
const denseFrom = 0.06
/** Rows beside the square cost memory: many states at once need them, one at a time does not. */
const rowsBesideSquare = 4_000_000

/** `lanes`: many states at once will be asked for. */
export function integerProblem(model: QuadraticModel, lanes = true): IntegerProblem {
  const spins = toSpin(model)
  const { size, rows, columns } = spins
  const bounds = fieldBounds(spins)
  const bound = bounds.reduce((a, b) => Math.max(a, b), 0)
  const { scale, exact } = scaleOf(spins, bound)
  const [linear, values] = [wholes(spins.linear, scale), wholes(spins.values, scale)]
  const largestField = Math.max(1, exact ? Math.round(bound * scale) : wholeBound(size, linear, rows, columns, values))
  let largestValue = 0
  for (let k = 0; k < values.length; k++) largestValue = Math.max(largestValue, Math.abs(values[k]!))

  const density = size > 1 ? values.length / ((size * (size - 1)) / 2) : 0
  const dense = size >= 64 && density >= denseFrom && size <= 20_000
  const square = dense ? squareOf(size, largestValue, rows, columns, values) : undefined
  const withRows = !dense || (lanes && values.length <= rowsBesideSquare)
  const { offsets, neighbours, couplings } = withRows ? adjacencyOf(spins) : {}
  const weights = couplings && new Int32Array(couplings.length)
  if (weights) for (let e = 0; e < weights.length; e++) weights[e] = values[couplings![e]!]!

  const squares = Float64Array.from(linear, (h) => h * h)
  for (let k = 0; k < values.length; k++) {
    const square = values[k]! * values[k]!
    squares[rows[k]!]! += square
    squares[columns[k]!]! += square
  }
  return {
    size,
    narrow: largestField <= 32_766,
    linear,
    ...(offsets && neighbours && weights ? { offsets, neighbours, weights } : {}),
    ...(square ? { square } : {}),
    scale,
    offset: spins.offset,
    lost: exact ? 0 : lostIn(linear, spins.linear) + lostIn(values, spins.values),
    typicalField: Math.max(1, Math.sqrt(squares.reduce((a, b) => a + b, 0) / Math.max(1, size))),
  }
}

// Plain loops here and below: the conversion is part of every solve, and short ones would wait for callbacks and iterators.
function wholes(list: Float64Array, scale: number): Int32Array {
  const out = new Int32Array(list.length)
  for (let k = 0; k < list.length; k++) out[k] = Math.round(list[k]! * scale)
  return out
}

function lostIn(whole: Int32Array, given: Float64Array): number {
  let lost = 0
  for (let k = 0; k < whole.length; k++) if (whole[k] === 0 && given[k] !== 0) lost++
  return lost
}

function fieldBounds({ linear, rows, columns, values }: QuadraticModel): Float64Array {
  const bounds = linear.map(Math.abs)
  for (let k = 0; k < values.length; k++) {
    const value = Math.abs(values[k]!)
    bounds[rows[k]!]! += value
    bounds[columns[k]!]! += value
  }
  return bounds
}

function wholeBound(size: number, linear: Int32Array, rows: Uint32Array, columns: Uint32Array, values: Int32Array): number {
  const model = { linear: Float64Array.from(linear), rows, columns, values: Float64Array.from(values) }
  return fieldBounds({ vartype: 'spin', size, offset: 0, ...model }).reduce((a, b) => Math.max(a, b), 0)
}

const largestWhole = 2 ** 30

/** The smallest factor that makes every coefficient whole; where there is none in reach, the largest whose fields fit 31 bits. */
function scaleOf({ linear, values }: QuadraticModel, bound: number): { scale: number; exact: boolean } {
  // Below that no factor is a finite number.
  if (bound < 1e-290) return { scale: 1, exact: true }
  for (let digits = 0; digits <= 6; digits++)
    for (const binary of [1, 2, 4, 8]) {
      const scale = 10 ** digits * binary
      if (bound * scale > largestWhole) break
      const divisor = wholeDivisor(scale, bound, linear, values)
      if (divisor > 0) return { scale: scale / divisor, exact: true }
    }
  return { scale: (largestWhole - 2 * (linear.length + 1)) / bound, exact: false }
}

/** The greatest common divisor of the coefficients times `scale`, or 0 when they are not whole. What is nothing beside `bound` may vanish. */
function wholeDivisor(scale: number, bound: number, ...lists: readonly Float64Array[]): number {
  let divisor = 0
  for (const list of lists)
    for (let k = 0; k < list.length; k++) {
      const scaled = list[k]! * scale
      const rounded = Math.round(scaled)
      if (Math.abs(scaled - rounded) > 1e-9 * Math.max(1, Math.abs(scaled))) return 0
      if (rounded === 0 && Math.abs(list[k]!) > 1e-9 * bound) return 0
      if (divisor !== 1) divisor = commonDivisor(Math.abs(rounded), divisor)
    }
  return divisor === 0 ? 1 : divisor
}

function commonDivisor(a: number, b: number): number {
  while (b !== 0) {
    const rest = a % b
    a = b
    b = rest
  }
  return a
}

function squareOf(size: number, largest: number, rows: Uint32Array, columns: Uint32Array, values: Int32Array) {
  const stride = Math.ceil(size / 32) * 32
  const square =
    largest <= 127
      ? new Int8Array(size * stride)
      : largest <= 32_767
        ? new Int16Array(size * stride)
        : new Int32Array(size * stride)
  for (let k = 0; k < values.length; k++) {
    const [i, j, value] = [rows[k]!, columns[k]!, values[k]!]
    square[i * stride + j] = value
    square[j * stride + i] = value
  }
  return square
}
