import type { NativeTrainer, TrainedTensor } from '../binding.js'
import { isPart } from './tensor-part.js'
import { trainedName } from './trained-name.js'

/** The whole numbers of a trained tensor, as a run ends with them; in process 0 only. */
export type FinalNumbers = (tensor: TrainedTensor) => Float32Array<ArrayBuffer>

/** Where there are moving averages, they take the place of the trained numbers. All processes call it. */
export async function finalNumbers(trainer: NativeTrainer, rank: number): Promise<FinalNumbers> {
  const gathered = new Map<string, Float32Array<ArrayBuffer>>()
  for (const [index, tensor] of trainer.tensors().entries()) {
    const average = tensor.state.findIndex(({ name }) => name === 'average')
    if (average < 0 && !isPart(tensor)) continue
    const numbers =
      average < 0
        ? await trainer.gatherParameters(index, 0)
        : new Float32Array((await trainer.gatherState(index, average, 0)).buffer)
    if (rank > 0) continue
    if (isPart(tensor)) gathered.set(trainedName(tensor), numbers)
    else trainer.write('parameters', tensor.offset, numbers)
  }
  return (tensor) => gathered.get(trainedName(tensor)) ?? trainer.read('parameters', tensor.offset, tensor.rows * tensor.columns)
}
