import { QtError, rowBytes, type TensorType, tensorTypes, usageError } from '@qt/core'
import { typeForRows } from './fallback.js'
import { shifted } from './fault.js'
import type { QuantFormat } from './method.js'
import { methodFor } from './registry.js'

/**
 * Rows of float32 as blocks of a type, row after row. Rows that do not divide into whole blocks are refused with
 * `QUANT_ROW`, whose first action names the type that fits (see `typeForRows`). `importance` is what the error of each column
 * weighs, `own` an encoder of yours for the type.
 *
 * @example
 * ```ts
 * const blocks = quantizeTensor(new Float32Array(2 * 64), 64, 'Q4_0') // 2 rows of 2 blocks of 18 bytes: 72 bytes
 * ```
 */
export function quantizeTensor(
  values: Float32Array,
  columns: number,
  type: TensorType,
  importance?: Float32Array,
  own?: QuantFormat,
): Uint8Array<ArrayBuffer> {
  const method = own ? { ...own, type } : methodFor(type)
  if (!Number.isSafeInteger(columns) || columns < 1 || values.length % columns !== 0)
    throw usageError('QUANT_SHAPE', `${values.length} values are not whole rows of ${columns} columns.`, {
      where: { field: 'columns' },
      actions: ['Pass the length of a row, the last entry of the tensor’s shape.'],
    })
  const bytes = rowBytes(method.type, columns)
  if (bytes === undefined)
    throw usageError(
      'QUANT_ROW',
      `Rows of ${columns} columns do not divide into blocks of ${type}, which have ${tensorTypes[method.type].blockSize}.`,
      { where: { field: 'columns' }, actions: [`Use ${typeForRows(method.type, columns)} for this tensor.`] },
    )
  const out = new Uint8Array((values.length / columns) * bytes)
  if (!importance) method.encode(values, out)
  else
    for (let row = 0; row < values.length / columns; row++)
      atRow(row * columns, () => {
        const rowValues = values.subarray(row * columns, (row + 1) * columns)
        method.encode(rowValues, out.subarray(row * bytes, (row + 1) * bytes), importance)
      })
  return out
}

/** Positions in errors count from the first row. */
function atRow(first: number, work: () => void): void {
  try {
    work()
  } catch (cause) {
    throw QtError.isInstance(cause) ? shifted(cause, first) : cause
  }
}
