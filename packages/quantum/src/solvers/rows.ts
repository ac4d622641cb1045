import type { IntegerProblem } from '../engine/integer-problem.js'

/** Couplings row by row, also of a problem that is kept as a square. */
export function rowsOf(problem: IntegerProblem): { offsets: Uint32Array; neighbours: Uint32Array; weights: Int32Array } {
  const { size, offsets, neighbours, weights, square } = problem
  if (offsets && neighbours && weights) return { offsets, neighbours, weights }
  const stride = Math.ceil(size / 32) * 32
  const starts = new Uint32Array(size + 1)
  const all = square ?? new Int8Array(size * stride)
  for (let i = 0; i < size; i++) {
    let count = 0
    for (let j = 0; j < size; j++) if (all[i * stride + j] !== 0) count++
    starts[i + 1] = starts[i]! + count
  }
  const found = { offsets: starts, neighbours: new Uint32Array(starts[size]!), weights: new Int32Array(starts[size]!) }
  for (let i = 0, at = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      if (all[i * stride + j] !== 0) {
        found.neighbours[at] = j
        found.weights[at++] = all[i * stride + j]!
      }
  return found
}

/** The whole energy of bits. */
export function wholeEnergy(problem: IntegerProblem, rows: ReturnType<typeof rowsOf>, bits: Uint8Array): number {
  let twice = 0
  for (let i = 0; i < problem.size; i++) {
    let field = 2 * problem.linear[i]!
    for (let e = rows.offsets[i]!; e < rows.offsets[i + 1]!; e++)
      field += bits[rows.neighbours[e]!] === 1 ? rows.weights[e]! : -rows.weights[e]!
    twice += bits[i] === 1 ? field : -field
  }
  return twice / 2
}
