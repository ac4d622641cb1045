import type { QuadraticModel, Vartype } from '../quadratic.js'
import { checkedModel, mergeCouplings } from '../quadratic-builder.js'
import { type Entries, fileError, type Source } from './entries.js'

/** Numbers its entries from 0 on: files of people who count from 1 begin with 1, but not all of them do. */
export function fromOne(entries: Entries, size: number, source: Source): Entries {
  const { rows, columns, lines } = entries
  let [zeros, beyond] = [false, -1]
  for (let k = 0; k < rows.length; k++) {
    const most = Math.max(rows[k]!, columns[k]!)
    if (rows[k] === 0 || columns[k] === 0) zeros = true
    if (most > size) throw tooLarge(source, lines[k]!, most, size)
    if (most === size) beyond = k
  }
  if (zeros && beyond >= 0)
    throw fileError(
      source,
      lines[beyond]!,
      `Variables 0 and ${size} both occur among ${size}.`,
      'Count from 1, or give the right number of variables.',
    )
  if (zeros) {
    source.warn('Variables are counted from 0, not from 1 as usual in this format.')
    return entries
  }
  return { ...entries, rows: rows.map((i) => i - 1), columns: columns.map((j) => j - 1) }
}

export const tooLarge = (source: Source, line: number, index: number, size: number) =>
  fileError(source, line, `Variable ${index} does not exist among ${size}.`, 'Correct the number, or the count in the header.')

/** Couplings times `factor`, what stands on the diagonal as it is: linear terms of bits, constants of spins. */
export function modelOfEntries(entries: Entries, size: number, vartype: Vartype, factor = 1): QuadraticModel {
  const linear = new Float64Array(size)
  let offset = 0
  let kept = 0
  const [rows, columns, values] = [entries.rows.slice(), entries.columns.slice(), entries.values.slice()]
  for (let k = 0; k < rows.length; k++) {
    const [i, j] = [rows[k]!, columns[k]!]
    if (i === j) {
      if (vartype === 'binary') linear[i]! += values[k]!
      else offset += values[k]!
      continue
    }
    rows[kept] = Math.min(i, j)
    columns[kept] = Math.max(i, j)
    values[kept++] = values[k]! * factor
  }
  const merged = mergeCouplings(size, rows.subarray(0, kept), columns.subarray(0, kept), values.subarray(0, kept))
  return checkedModel({ vartype, size, offset, linear, ...merged })
}
