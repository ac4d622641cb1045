import type { AdapterModule } from '../adapter/adapter.js'
import type { RowChange } from '../convert/tensor-stream.js'

/** A matrix that an adapter brings whole, with the weight that the caller gives the adapter. */
export interface WeightedMatrix {
  readonly values: Float32Array
  readonly weight: number
}

/** Moves rows of W by weight · (W' − W) for each matrix. */
export function towards(matrices: readonly WeightedMatrix[]): RowChange {
  return (values, firstRow, columns) => {
    for (let i = 0; i < values.length; i++) {
      const before = values[i]!
      values[i] = matrices.reduce(
        (sum, { values: own, weight }) => sum + weight * (own[firstRow * columns + i]! - before),
        before,
      )
    }
  }
}

/** One adapter's part of one projection, with the weight that the caller gives the adapter. */
export interface WeightedModule {
  readonly module: AdapterModule
  readonly weight: number
}

/**
 * Adds Σ weight · scale · B · A to rows of W; of a DoRA adapter weight · (m / ‖W + scale · B · A‖ · (W + scale · B · A) − W).
 * Sums in float64, so that the order of adapters does not matter much.
 */
export function deltaOf(parts: readonly WeightedModule[]): RowChange {
  return (values, firstRow, columns) => {
    const delta = new Float64Array(columns)
    for (let row = 0; row < values.length / columns; row++) {
      delta.fill(0)
      const weights = values.subarray(row * columns, (row + 1) * columns)
      for (const { module, weight } of parts)
        if (module.magnitude) addTurnedRow(delta, weights, module, module.magnitude[firstRow + row]!, weight, firstRow + row)
        else addRow(delta, module, weight, firstRow + row)
      for (let column = 0; column < columns; column++) weights[column]! += delta[column]!
    }
  }
}

function addRow(delta: Float64Array, module: AdapterModule, weight: number, row: number): void {
  const { a, b, rank, scale } = module
  const columns = delta.length
  for (let r = 0; r < rank; r++) {
    const factor = weight * scale * b[row * rank + r]!
    if (factor === 0) continue
    for (let column = 0; column < columns; column++) delta[column]! += factor * a[r * columns + column]!
  }
}

/** DoRA: the row gets the length `magnitude`, in the direction of W + scale · B · A. */
function addTurnedRow(
  delta: Float64Array,
  weights: Float32Array,
  module: AdapterModule,
  magnitude: number,
  weight: number,
  row: number,
): void {
  const turned = Float64Array.from(weights)
  addRow(turned, module, 1, row)
  const norm = Math.sqrt(turned.reduce((sum, value) => sum + value * value, 0))
  const scale = norm === 0 ? 0 : magnitude / norm
  for (const [column, value] of turned.entries()) delta[column]! += weight * (scale * value - weights[column]!)
}
