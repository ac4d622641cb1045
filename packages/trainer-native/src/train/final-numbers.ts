import type { NativeTrainer, TrainedTensor } from '../binding.js'

/** What a run ends with of a tensor: its moving average when there is one, else the trained numbers themselves. */
export function finalNumbers(trainer: NativeTrainer, { offset, rows, columns, state }: TrainedTensor): Float32Array {
  const average = state.find(({ name }) => name === 'average')
  return average === undefined
    ? trainer.read('parameters', offset, rows * columns)
    : new Float32Array(trainer.readState(average.offset, average.bytes).buffer)
}
