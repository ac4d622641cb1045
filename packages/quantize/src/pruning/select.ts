import { rowBytes, type TensorInfo, usageError } from '@qt/core'
import { decodeBlocks, encodeFloats, type FloatType, floatTypes } from '@qt/weights'

/** Some rows of a tensor, whatever its type; of one with a single dimension some entries. */
export function selectRows({ type, shape }: TensorInfo, bytes: Uint8Array, rows: readonly number[]): Uint8Array {
  const length = rowBytes(type, shape.length === 1 ? 1 : shape.at(-1)!)!
  const out = new Uint8Array(rows.length * length)
  for (const [i, row] of rows.entries()) out.set(bytes.subarray(row * length, (row + 1) * length), i * length)
  return out
}

/** Some columns; blocks would have to be cut open for that, so it must be floats. */
export function selectColumns(tensor: TensorInfo, bytes: Uint8Array, columns: readonly number[], file: string): Uint8Array {
  const float = requireFloats(tensor, file)
  const values = decodeBlocks(float, bytes)
  const width = tensor.shape.at(-1)!
  const out = new Float32Array((values.length / width) * columns.length)
  for (let row = 0, to = 0; row < values.length; row += width) for (const column of columns) out[to++] = values[row + column]!
  return encodeFloats(float, out)
}

/** The type of a tensor whose columns are to be taken out. */
export function requireFloats({ name, type }: TensorInfo, file: string): FloatType {
  const float = floatTypes.find((one) => one === type)
  if (float !== undefined) return float
  throw usageError('PRUNE_QUANTISED', `${name} is quantised (${type}), so single columns cannot be taken out of it.`, {
    where: { file, field: name },
    actions: ['Start from the F16, BF16 or F32 file of this model, and quantise what comes out.'],
  })
}
