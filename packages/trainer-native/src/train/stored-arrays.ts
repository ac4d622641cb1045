import type { NativeTrainer, TrainedTensor } from '../binding.js'
import { isPart, partOf } from './tensor-part.js'
import { trainedName } from './trained-name.js'

/** One array of numbers in a checkpoint: where it lies in the trainer, and under which name in which kind of file. */
export interface StoredArray {
  readonly kind: CheckpointKind
  readonly name: string
  readonly dtype: 'F32' | 'U8'
  readonly shape: readonly number[]
  /** Of the whole array. */
  readonly bytes: number
  /** What of it this process has and needs: all of it, or its piece. */
  readonly own: { readonly from: number; readonly bytes: number }
  /** Its pieces lie in several processes, all of which must read the whole together. */
  readonly shared: boolean
  /** They are rows or columns, which no process can write by itself: `own` is the whole, of which `writeOwn` takes its part. */
  readonly divided: boolean
  readOwn(): Uint8Array<ArrayBuffer>
  /** The whole array, in process 0. */
  read(): Promise<Uint8Array<ArrayBuffer>>
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
      divided: false,
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
          divided: false,
          readOwn: () => trainer.readState(offset, bytes),
          read: () => trainer.gatherState(index, at),
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
  const bytes = tensor.whole.rows * tensor.whole.columns * 4
  const each = { dtype: 'F32', shape, bytes, own: { from: 0, bytes }, shared: true, divided: true } as const
  const part = (given: Uint8Array<ArrayBuffer>) => partOf(floats(given), tensor)
  return [
    {
      ...each,
      kind: 'parameters',
      name,
      readOwn: () => new Uint8Array(trainer.read('parameters', tensor.offset, tensor.rows * tensor.columns).buffer),
      read: async () => new Uint8Array((await trainer.gatherParameters(index)).buffer),
      writeOwn: (given) => trainer.write('parameters', tensor.offset, part(given)),
    },
    ...tensor.state.map(
      ({ name: array, offset, from, bytes: own }, at): StoredArray => ({
        ...each,
        kind: 'optimizer',
        name: `${name}.${array}`,
        readOwn: () => trainer.readState(offset, own),
        read: () => trainer.gatherState(index, at),
        writeOwn: (given) => {
          const { buffer, byteOffset } = part(given)
          trainer.writeState(offset, new Uint8Array(buffer, byteOffset + from, own))
        },
      }),
    ),
  ]
}
