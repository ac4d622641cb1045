import type { NativeTrainer, TrainedTensor } from '../binding.js'
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
      writeOwn: (given: Uint8Array<ArrayBuffer>) => trainer.write(region, offset, asFloats(given)),
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
    const { offset } = tensor
    const name = trainedName(tensor)
    const { rows, columns } = tensor.whole
    const shape = rows === 1 ? [columns] : [rows, columns]
    const parameters: StoredArray = isPart(tensor)
      ? {
          ...dividedArray(tensor, 'F32'),
          kind: 'parameters',
          name,
          shape,
          read: async (root) => new Uint8Array((await trainer.gatherParameters(index, root)).buffer),
          writeOwn: (given) => trainer.write('parameters', offset, asFloats(columnsOf(given, tensor, 4))),
        }
      : { ...whole('parameters', tensor), name, shape }
    return [parameters, ...tensor.state.map((_, array) => stateArray(trainer, tensor, index, array, { name, shape }))]
  })
  return [...trained, ...origins]
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
