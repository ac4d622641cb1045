export interface Matrix {
  readonly rows: number
  readonly columns: number
  /** Row by row. */
  readonly values: Float32Array
}

export const matrix = (rows: number, columns: number, value: (index: number) => number): Matrix => ({
  rows,
  columns,
  values: Float32Array.from({ length: rows * columns }, (_, index) => value(index)),
})

export function set({ columns, values }: Matrix, row: number, column: number, value: number): void {
  values[row * columns + column] = value
}

/** Makes rows of a matrix a thousandth of what they were: nearly nothing, and no two alike. */
export function quietRows({ columns, values }: Matrix, from: number, to: number): void {
  for (let index = from * columns; index < to * columns; index++) values[index]! /= 30
}

export function quietColumns({ rows, columns, values }: Matrix, from: number, to: number): void {
  for (let row = 0; row < rows; row++) for (let column = from; column < to; column++) values[row * columns + column]! /= 30
}
