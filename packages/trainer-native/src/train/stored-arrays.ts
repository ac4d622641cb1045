import type { NativeTrainer, TrainedTensor } from '../binding.js'
import { columnsOf, isPart } from './tensor-part.js'
import { trainedName } from './trained-name.js'

/** One array of numbers in a checkpoint: where it lies in the trainer, and under which name in which kind of file. */
export interface StoredArray {
  readonly kind: CheckpointKind
  readonly name: string
  readonly dtype: 'F32' | 'U8'
  readonly shape: readonly number[]
  /** Of the whole array. */
  readonly bytes: number
  /** What of it this process needs: all of it, its piece, or where it has some columns the rows that they are of. */
  readonly own: { readonly from: number; readonly bytes: number }
  /** Its pieces lie in several processes, all of which must read the whole together. */
  readonly shared: boolean
  /** Undefined where processes have rows or columns of it, and none a piece that it could write. */
  readonly readOwn: (() => Uint8Array<ArrayBuffer>) | undefined
  /** The whole array, in process `root`. */
  read(root: number): Promise<Uint8Array<ArrayBuffer>>
  writeOwn(bytes: Uint8Array<ArrayBuffer>): void
}

/** Trained numbers, which every process has, and the optimiser's state, of which each has its own. */
export type CheckpointKind = 'parameters' | 'optimizer'
export const checkpointKinds: readonly CheckpointKind[] = ['parameters', 'optimizer']

const floats = (bytes: Uint8Array<ArrayBuffer>) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4)

/** Everything that a trainer remembers between steps. */
export function storedArrays(trainer: NativeTrainer): StoredArray[] {
  const whole = (
    region: 'parameters' | 'origins',
    { offset, rows, columns }: { offset: number; rows: number; columns: number },
  ) => {
    const bytes = rows * columns * 4
    const readOwn = () => new Uint8Array(trainer.read(region, offset, rows * columns).buffer)
    return {
      kind: 'parameters' as const,
      dtype: 'F32' as const,
      bytes,
      own: { from: 0, bytes },
      shared: false,
      readOwn,
      read: async () => readOwn(),
      writeOwn: (given: Uint8Array<ArrayBuffer>) => trainer.write(region, offset, floats(given)),
    }
  }
  const origins = trainer.origins().map(
    (tensor): StoredArray => ({
      ...whole('origins', tensor),
      name: `${trainedName(tensor)}.origin`,
      shape: [tensor.rows, tensor.columns],
    }),
  )
  const trained = trainer.tensors().flatMap((tensor, index): StoredArray[] => {
    const { rows, columns } = tensor.whole
    const name = trainedName(tensor)
    const shape = rows === 1 ? [columns] : [rows, columns]
    if (isPart(tensor)) return divided(trainer, tensor, index, { name, shape })
    return [
      { ...whole('parameters', tensor), name, shape },
      ...tensor.state.map(
        ({ name: array, dtype, offset, from, bytes, wholeBytes }, at): StoredArray => ({
          kind: 'optimizer',
          name: `${name}.${array}`,
          dtype,
          shape: wholeBytes === rows * columns * 4 ? shape : [dtype === 'F32' ? wholeBytes / 4 : wholeBytes],
          bytes: wholeBytes,
          own: { from, bytes },
          shared: true,
          readOwn: () => trainer.readState(offset, bytes),
          read: (root) => trainer.gatherState(index, at, root),
          writeOwn: (given) => trainer.writeState(offset, given),
        }),
      ),
    ]
  })
  return [...trained, ...origins]
}

/** Of a tensor of which this process has some rows or columns: its numbers, and the optimiser's, which has so many for each. */
function divided(
  trainer: NativeTrainer,
  tensor: TrainedTensor,
  index: number,
  { name, shape }: Pick<StoredArray, 'name' | 'shape'>,
): StoredArray[] {
  const { rows, columns, whole } = tensor
  const bytes = whole.rows * whole.columns * 4
  const ownRows = { from: whole.firstRow * whole.columns * 4, bytes: rows * whole.columns * 4 }
  const each = { dtype: 'F32', shape, bytes, shared: true, readOwn: undefined } as const
  const part = (given: Uint8Array<ArrayBuffer>) => columnsOf(floats(given), tensor)
  const cutRows = columns === whole.columns
  return [
    {
      ...each,
      kind: 'parameters',
      name,
      own: ownRows,
      read: async (root) => new Uint8Array((await trainer.gatherParameters(index, root)).buffer),
      writeOwn: (given) => trainer.write('parameters', tensor.offset, part(given)),
    },
    ...tensor.state.map(
      ({ name: array, offset, from, bytes: own }, at): StoredArray => ({
        ...each,
        kind: 'optimizer',
        name: `${name}.${array}`,
        own: cutRows ? { from: ownRows.from + from, bytes: own } : ownRows,
        read: (root) => trainer.gatherState(index, at, root),
        writeOwn: (given) => {
          if (cutRows) return trainer.writeState(offset, given)
          const { buffer, byteOffset } = part(given)
          trainer.writeState(offset, new Uint8Array(buffer, byteOffset + from, own))
        },
      }),
    ),
  ]
}
