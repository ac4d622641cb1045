import type { NativeTrainer, OriginTensor, TrainedTensor } from '../binding.js'
import { asFloats, columnsOf, isPart, type Placed } from './tensor-part.js'
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

/** Everything that a trainer remembers between steps. */
export function storedArrays(trainer: NativeTrainer): StoredArray[] {
  const trained = trainer.tensors().flatMap((tensor, index): StoredArray[] => {
    const numbers = tensorArray(trainer, 'parameters', tensor, index, trainedName(tensor))
    return [numbers, ...tensor.state.map((_, array) => stateArray(trainer, tensor, index, array, numbers))]
  })
  const origins = trainer
    .origins()
    .map((tensor, index) => tensorArray(trainer, 'origins', tensor, index, `${trainedName(tensor)}.origin`))
  return [...trained, ...origins]
}

/** Trained numbers, or what an adapter began as. */
function tensorArray(
  trainer: NativeTrainer,
  region: 'parameters' | 'origins',
  tensor: OriginTensor,
  index: number,
  name: string,
): StoredArray {
  const { offset, rows, columns, whole } = tensor
  const each = { kind: 'parameters' as const, name, shape: whole.rows === 1 ? [whole.columns] : [whole.rows, whole.columns] }
  if (isPart(tensor))
    return {
      ...each,
      ...dividedArray(tensor, 'F32'),
      read: async (root) => new Uint8Array((await trainer.gatherTensor(region, index, root)).buffer),
      writeOwn: (given) => trainer.write(region, offset, asFloats(columnsOf(given, tensor, 4))),
    }
  const bytes = rows * columns * 4
  const readOwn = () => new Uint8Array(trainer.read(region, offset, rows * columns).buffer)
  return {
    ...each,
    dtype: 'F32',
    bytes,
    own: { from: 0, bytes },
    shared: false,
    readOwn,
    read: async () => readOwn(),
    writeOwn: (given) => trainer.write(region, offset, asFloats(given)),
  }
}

/** What the optimiser keeps of a tensor. */
function stateArray(
  trainer: NativeTrainer,
  tensor: TrainedTensor,
  index: number,
  at: number,
  { name, shape }: Pick<StoredArray, 'name' | 'shape'>,
): StoredArray {
  const state = tensor.state[at]!
  const { dtype, offset, from, bytes } = state
  const count = state.whole.rows * state.whole.columns
  const each = {
    kind: 'optimizer' as const,
    name: `${name}.${state.name}`,
    // Numbers have the shape of what they are of; everything else is one after the other.
    shape: dtype === 'F32' && count === tensor.whole.rows * tensor.whole.columns ? shape : [count],
    read: (root: number) => trainer.gatherState(index, at, root),
  }
  if (!isPart(state))
    return {
      ...each,
      dtype,
      bytes: count * bytesOf[dtype],
      own: { from, bytes },
      shared: true,
      readOwn: () => trainer.readState(offset, bytes),
      writeOwn: (given) => trainer.writeState(offset, given),
    }
  const divided = dividedArray(state, dtype)
  // Of whole rows this process needs its piece alone.
  const cutRows = state.columns === state.whole.columns
  return {
    ...each,
    ...divided,
    own: cutRows ? { from: divided.own.from + from, bytes } : divided.own,
    writeOwn: (given) =>
      trainer.writeState(offset, cutRows ? given : columnsOf(given, state, bytesOf[dtype]).slice(from, from + bytes)),
  }
}

const bytesOf = { F32: 4, U8: 1 } as const

/** An array of which this process has some rows or columns. */
const dividedArray = ({ rows, whole }: Placed, dtype: 'F32' | 'U8') => ({
  dtype,
  bytes: whole.rows * whole.columns * bytesOf[dtype],
  own: { from: whole.firstRow * whole.columns * bytesOf[dtype], bytes: rows * whole.columns * bytesOf[dtype] },
  shared: true as const,
  readOwn: undefined,
})
