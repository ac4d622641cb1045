import type { TrainedTensor } from '../binding.js'

type Placed = Pick<TrainedTensor, 'rows' | 'columns' | 'whole'>

/** Whether this process has only some rows or columns of a tensor. */
export const isPart = ({ rows, columns, whole }: Placed): boolean => whole.rows !== rows || whole.columns !== columns

/** What this process has of a whole tensor's numbers. */
export function partOf(numbers: Float32Array, { rows, columns, whole }: Placed): Float32Array {
  if (columns === whole.columns) return numbers.subarray(whole.firstRow * columns, (whole.firstRow + rows) * columns)
  const part = new Float32Array(rows * columns)
  for (let row = 0; row < rows; row++) {
    const from = (whole.firstRow + row) * whole.columns + whole.firstColumn
    part.set(numbers.subarray(from, from + columns), row * columns)
  }
  return part
}
