import { uniform } from '@qt/core'

/** The largest singular values of a matrix with their vectors: A ≈ Σ σ · u · vᵀ. */
export interface TruncatedSvd {
  /** Falling. */
  readonly values: Float64Array
  /** [rows, rank], row by row. */
  readonly left: Float64Array
  /** [rank, columns], row by row. */
  readonly right: Float64Array
}

/** Directions beyond the rank that are carried along, and how often they are turned towards the large ones. */
const spare = 12
const turns = 4

/**
 * Randomised subspace iteration: Halko, Martinsson, Tropp, "Finding structure with randomness", SIAM Review 2011, algorithms 4.4
 * and 5.1. Exact up to rounding when rank and spare directions together reach the smaller side.
 */
export function truncatedSvd(matrix: Float32Array, rows: number, columns: number, rank: number, seed = 0): TruncatedSvd {
  const width = Math.min(rank + spare, rows, columns)
  // Vectors lie one after the other, so that all loops run along memory.
  let v = Float64Array.from({ length: width * columns }, (_, i) => uniform(seed, 'noise', 0, i) - 0.5)
  let u = new Float64Array(width * rows)
  for (let turn = 0; turn <= turns; turn++) {
    u = times(matrix, rows, columns, v, width)
    orthonormalise(u, width, rows)
    v = timesTransposed(matrix, rows, columns, u, width)
    if (turn < turns) orthonormalise(v, width, columns)
  }
  // Uᵀ·A = V: its small Gram matrix has the squares of the singular values.
  const gram = new Float64Array(width * width)
  for (let i = 0; i < width; i++)
    for (let j = 0; j <= i; j++) gram[i * width + j] = gram[j * width + i] = dot(v, i * columns, v, j * columns, columns)
  const { values: squares, vectors } = symmetricEigen(gram, width)
  const kept = Math.min(rank, width)
  const values = Float64Array.from({ length: kept }, (_, k) => Math.sqrt(Math.max(0, squares[k]!)))
  const left = new Float64Array(rows * kept)
  const right = new Float64Array(kept * columns)
  for (let k = 0; k < kept; k++)
    for (let i = 0; i < width; i++) {
      const factor = vectors[k * width + i]!
      for (let row = 0; row < rows; row++) left[row * kept + k]! += factor * u[i * rows + row]!
      const scaled = values[k]! > 0 ? factor / values[k]! : 0
      for (let column = 0; column < columns; column++) right[k * columns + column]! += scaled * v[i * columns + column]!
    }
  return { values, left, right }
}

/** A · vᵀ for each of the vectors. */
function times(matrix: Float32Array, rows: number, columns: number, v: Float64Array, width: number): Float64Array<ArrayBuffer> {
  const out = new Float64Array(width * rows)
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < width; k++) {
      let sum = 0
      for (let column = 0; column < columns; column++) sum += matrix[row * columns + column]! * v[k * columns + column]!
      out[k * rows + row] = sum
    }
  return out
}

/** Aᵀ · u for each of the vectors. */
function timesTransposed(
  matrix: Float32Array,
  rows: number,
  columns: number,
  u: Float64Array,
  width: number,
): Float64Array<ArrayBuffer> {
  const out = new Float64Array(width * columns)
  for (let row = 0; row < rows; row++)
    for (let k = 0; k < width; k++) {
      const factor = u[k * rows + row]!
      if (factor === 0) continue
      for (let column = 0; column < columns; column++) out[k * columns + column]! += factor * matrix[row * columns + column]!
    }
  return out
}

/** Gram and Schmidt, each vector twice: "twice is enough" (Giraud et al. 2005). What depends on the others becomes zero. */
function orthonormalise(vectors: Float64Array, count: number, length: number): void {
  for (let i = 0; i < count; i++) {
    const before = Math.sqrt(dot(vectors, i * length, vectors, i * length, length))
    for (let pass = 0; pass < 2; pass++)
      for (let j = 0; j < i; j++) {
        const along = dot(vectors, i * length, vectors, j * length, length)
        for (let k = 0; k < length; k++) vectors[i * length + k]! -= along * vectors[j * length + k]!
      }
    const norm = Math.sqrt(dot(vectors, i * length, vectors, i * length, length))
    const factor = norm > 1e-12 * before && norm > 0 ? 1 / norm : 0
    for (let k = 0; k < length; k++) vectors[i * length + k]! *= factor
  }
}

function dot(a: Float64Array, from: number, b: Float64Array, start: number, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += a[from + i]! * b[start + i]!
  return sum
}

/** Eigenvalues, falling, with their vectors as rows: cyclic Jacobi rotations (Golub and Van Loan, 8.5). */
export function symmetricEigen(matrix: Float64Array, size: number): { values: Float64Array; vectors: Float64Array } {
  const a = matrix.slice()
  const vectors = new Float64Array(size * size)
  for (let i = 0; i < size; i++) vectors[i * size + i] = 1
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0
    let diagonal = 0
    for (let i = 0; i < size; i++) {
      diagonal += a[i * size + i]! ** 2
      for (let j = 0; j < i; j++) off += a[i * size + j]! ** 2
    }
    if (off <= 1e-30 * diagonal) break
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, vectors, size, p, q)
  }
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => a[j * size + j]! - a[i * size + i]!)
  const sorted = new Float64Array(size * size)
  order.forEach((from, to) => void sorted.set(vectors.subarray(from * size, (from + 1) * size), to * size))
  return { values: Float64Array.from(order, (i) => a[i * size + i]!), vectors: sorted }
}

/** Makes a[p, q] zero; the rows of `vectors` turn along. */
function rotate(a: Float64Array, vectors: Float64Array, size: number, p: number, q: number): void {
  const apq = a[p * size + q]!
  if (apq === 0) return
  const theta = (a[q * size + q]! - a[p * size + p]!) / (2 * apq)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  const turn = (values: Float64Array, i: number, j: number) => {
    const [x, y] = [values[i]!, values[j]!]
    values[i] = c * x - s * y
    values[j] = s * x + c * y
  }
  for (let k = 0; k < size; k++) turn(a, k * size + p, k * size + q)
  for (let k = 0; k < size; k++) {
    turn(a, p * size + k, q * size + k)
    turn(vectors, p * size + k, q * size + k)
  }
}
