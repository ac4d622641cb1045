import type { AdapterModule } from '../adapter/adapter.js'
import type { RowChange } from '../convert/tensor-stream.js'

/** One adapter's part of one projection, with the weight that the caller gives the adapter. */
export interface WeightedModule {
  readonly module: AdapterModule
  readonly weight: number
}

/** Adds Σ weight · scale · B · A to rows of W. Sums in float64, so that the order of adapters does not matter much. */
export function deltaOf(parts: readonly WeightedModule[]): RowChange {
  return (values, firstRow, columns) => {
    const delta = new Float64Array(columns)
    for (let row = 0; row < values.length / columns; row++) {
      delta.fill(0)
      for (const { module, weight } of parts) addRow(delta, module, weight, firstRow + row)
      for (let column = 0; column < columns; column++) values[row * columns + column]! += delta[column]!
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
