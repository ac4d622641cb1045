import type { TrainedTensor } from '../binding.js'

type Placed = Pick<TrainedTensor, 'rows' | 'columns' | 'whole'>

/** Whether this process has only some rows or columns of a tensor. */
export const isPart = ({ rows, columns, whole }: Placed): boolean => whole.rows !== rows || whole.columns !== columns

/** What this process has of a whole tensor's numbers. */
export function partOf(numbers: Float32Array, { rows, columns, whole }: Placed): Float32Array {
  const from = whole.firstRow * whole.columns
  return columnsOf(numbers.subarray(from, from + rows * whole.columns), { rows, columns, whole })
}

/** The same where this process's rows, whole ones, are there alone. */
export function columnsOf(numbers: Float32Array, { rows, columns, whole }: Placed): Float32Array {
  if (columns === whole.columns) return numbers
  const part = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const from = row * whole.columns + whole.firstColumn
    part.set(numbers.subarray(from, from + columns), row * columns)
  }
  return part
}
