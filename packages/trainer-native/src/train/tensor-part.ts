import type { StateArray, TrainedTensor } from '../binding.js'

/** Rows and columns of a tensor, or of entries of an array that is kept of it. */
export type Placed = Pick<TrainedTensor | StateArray, 'rows' | 'columns' | 'whole'>

/** Whether this process has only some rows or columns of a tensor. */
export const isPart = ({ rows, columns, whole }: Placed): boolean => whole.rows !== rows || whole.columns !== columns

/** What this process has of a whole tensor's numbers. */
export function partOf(numbers: Float32Array, { rows, columns, whole }: Placed): Float32Array {
  const from = whole.firstRow * whole.columns
  const { buffer, byteOffset, byteLength } = numbers.subarray(from, from + rows * whole.columns)
  return asFloats(columnsOf(new Uint8Array(buffer, byteOffset, byteLength), { rows, columns, whole }, 4))
}

/** What it has of the rows that its own are of, each of so many bytes. */
export function columnsOf<Buffer extends ArrayBufferLike>(
  bytes: Uint8Array<Buffer>,
  { rows, columns, whole }: Placed,
  each: number,
): Uint8Array<Buffer | ArrayBuffer> {
  if (columns === whole.columns) return bytes
  const part = new Uint8Array(rows * columns * each)
  for (let row = 0; row < rows; row++) {
    const from = (row * whole.columns + whole.firstColumn) * each
    part.set(bytes.subarray(from, from + columns * each), row * columns * each)
  }
  return part
}

/** The same bytes as numbers. */
export const asFloats = <Buffer extends ArrayBufferLike>({ buffer, byteOffset, byteLength }: Uint8Array<Buffer>) =>
  new Float32Array(buffer, byteOffset, byteLength / 4)
