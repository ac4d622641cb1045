import { type ModelSpec, QtError, type TensorInfo } from '@qt/core'
import type { TensorEntry } from '../architectures/architecture.js'
import { encodeFloats, type FloatType } from '../blocks/encode.js'
import { openSource, readChunks } from '../io/source.js'
import { interleaveRows, separateRows } from '../model/permute-rows.js'
import { readTensorRows } from '../model/read-rows.js'

/** Changes rows of a tensor in place, in the row order of the source: `values` holds whole rows from `firstRow` on. */
export type RowChange = (values: Float32Array, firstRow: number, columns: number) => void | Promise<void>

export interface TensorPlan {
  readonly info: TensorInfo
  readonly entry: TensorEntry
  readonly spec: ModelSpec
  readonly type: FloatType
  /** Which row order and norm convention the data has, and which it shall have. */
  readonly from: 'gguf' | 'hf'
  readonly to: 'gguf' | 'hf'
  readonly change?: RowChange | undefined
}

const chunkValues = 2 ** 20

/** The data of a tensor in another type, row order or both, a few megabytes at a time. */
export async function* convertedTensor(plan: TensorPlan): AsyncGenerator<Uint8Array> {
  const { info, entry, spec, type, change } = plan
  const crossing = plan.from !== plan.to
  const permuted = crossing && entry.permuted !== undefined
  const plusOne = crossing && entry.plusOne === true ? (plan.to === 'gguf' ? 1 : -1) : 0
  if (change === undefined && !permuted && plusOne === 0 && info.type === type) {
    yield* readChunks(await openSource(info.file), info.offset, info.bytes)
    return
  }
  const columns = info.shape.at(-1)!
  const rows = info.shape.slice(0, -1).reduce((product, size) => product * size, 1)
  // Rows move only within a head, so whole heads are enough.
  const unit = permuted ? spec.headDim : 1
  const step = Math.max(unit, Math.floor(chunkValues / columns / unit) * unit)
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row)
    const read = await readTensorRows(info, row, count)
    if (read === undefined) throw noBlocks(info, columns)
    let values = read
    await change?.(values, row, columns)
    if (plusOne !== 0) values = values.map((value) => value + plusOne)
    if (permuted) values = (plan.to === 'gguf' ? interleaveRows : separateRows)(values, count / spec.headDim, spec.headDim)
    if (type === 'F16') refuseOverflow(values, info)
    yield encodeFloats(type, values)
  }
}

const noBlocks = ({ type }: TensorInfo, columns: number) =>
  new QtError({ code: 'TENSOR_SHAPE', message: `Rows of ${columns} columns are no blocks of ${type}.` })

const largestHalf = 65504

function refuseOverflow(values: Float32Array, info: TensorInfo): void {
  const over = values.find((value) => Math.abs(value) > largestHalf && Number.isFinite(value))
  if (over !== undefined)
    throw new QtError({
      code: 'TYPE_OVERFLOW',
      message: `The tensor ${info.name} holds ${over}, which F16 cannot (it ends at ${largestHalf}).`,
      where: { file: info.file, field: info.name },
      actions: ['Convert to BF16 or F32 instead.'],
    })
}
