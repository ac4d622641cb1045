import { rowBytes, type TensorType, tensorTypes } from '@qt/core'
import { decodeBlocks, type Gguf } from '@qt/weights'
import { type Binding, binding } from '../binding.js'
import { quantizeTensor } from '../quantize-tensor.js'

/** Rows looked at of each tensor, spread evenly. */
const sampledRows = 32

/**
 * What a tensor loses as each type: Σ importance·(w − w′)² / Σ importance·w² over some of its rows. With an importance matrix this is the
 * relative squared error of what the tensor computes on the calibration text; without one all columns count the same. A small
 * change of the model's KL divergence is about proportional to it (arXiv:2411.17525).
 */
export async function relativeErrors(
  source: Gguf,
  name: string,
  types: readonly TensorType[],
  importance: Float32Array | undefined,
): Promise<number[]> {
  const { type: from, shape } = source.tensors.get(name)!
  const columns = shape.at(-1)!
  const rows = shape.slice(0, -1).reduce((product, size) => product * size, 1)
  const bytes = await source.read(name)
  const rowLength = rowBytes(from, columns)!
  const count = Math.min(rows, sampledRows)
  const values = new Float32Array(count * columns)
  const weights = new Float32Array(count * columns).fill(1)
  for (let i = 0; i < count; i++) {
    const row = Math.floor((i * rows) / count)
    values.set(decodeBlocks(from, bytes.subarray(row * rowLength, (row + 1) * rowLength)), i * columns)
    const matrix = importance === undefined ? 0 : Math.floor(row / (shape.at(-2) ?? 1))
    if (importance) weights.set(importance.subarray(matrix * columns, (matrix + 1) * columns), i * columns)
  }
  const power = values.reduce((sum, value, i) => sum + weights[i]! * value * value, 0)
  return types.map((type) => {
    if (power === 0) return 0
    let error = 0
    for (let row = 0; row < count; row++) {
      const part = values.subarray(row * columns, (row + 1) * columns)
      const weighed = importance ? weights.subarray(row * columns, (row + 1) * columns) : undefined
      decodeBlocks(type, encoded(part, columns, type, weighed)).forEach((value, i) => {
        error += weights[row * columns + i]! * (value - part[i]!) ** 2
      })
    }
    return error / power
  })
}

function encoded(values: Float32Array, columns: number, type: TensorType, importance: Float32Array | undefined): Uint8Array {
  const native: Binding | Error = binding()
  if (native instanceof Error || !native.encodable(tensorTypes[type].id)) return quantizeTensor(values, columns, type, importance)
  const out = new Uint8Array(rowBytes(type, columns)!)
  const fault = native.encode(tensorTypes[type].id, values, columns, importance ?? null, out)
  return fault === null ? out : quantizeTensor(values, columns, type, importance)
}
