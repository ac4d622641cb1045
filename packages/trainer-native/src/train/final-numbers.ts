import type { NativeTrainer, OriginTensor, TrainedTensor } from '../binding.js'
import { isOutOfMemory } from '../engine-errors.js'
import type { AdapterPlan } from './adapter-plan.js'
import { frozenNames } from './frozen-modules.js'
import { isPart } from './tensor-part.js'
import { trainedName } from './trained-name.js'

/** Whole numbers as a run ends with them; in process 0 only. */
export interface FinalNumbers {
  of(tensor: TrainedTensor): Float32Array<ArrayBuffer>
  /** What an adapter of PiSSA began as. */
  origin(tensor: OriginTensor): Float32Array<ArrayBuffer>
}

/**
 * Where there are moving averages, they take the place of the trained numbers; but not in frozen modules, whose averages follow what decay
 * took before it was put back. All processes call it.
 */
export async function finalNumbers(
  trainer: NativeTrainer,
  rank: number,
  plan: Pick<AdapterPlan, 'modules'> | undefined,
): Promise<FinalNumbers> {
  const frozen = frozenNames(plan)
  const gathered = {
    parameters: new Map<string, Float32Array<ArrayBuffer>>(),
    origins: new Map<string, Float32Array<ArrayBuffer>>(),
  }
  for (const [index, tensor] of trainer.tensors().entries()) {
    const average = frozen.has(tensor.module) ? -1 : tensor.state.findIndex(({ name }) => name === 'average')
    if (average < 0 && !isPart(tensor)) continue
    const numbers =
      average < 0
        ? await trainer.gatherTensor('parameters', index, 0)
        : new Float32Array((await trainer.gatherState(index, average, 0)).buffer)
    if (rank > 0) continue
    if (isPart(tensor) || !taken(trainer, tensor, numbers)) gathered.parameters.set(trainedName(tensor), numbers)
  }
  for (const [index, tensor] of trainer.origins().entries()) {
    if (!isPart(tensor)) continue
    const numbers = await trainer.gatherTensor('origins', index, 0)
    if (rank === 0) gathered.origins.set(trainedName(tensor), numbers)
  }
  const whole = (region: keyof typeof gathered, tensor: OriginTensor) =>
    gathered[region].get(trainedName(tensor)) ?? trainer.read(region, tensor.offset, tensor.rows * tensor.columns)
  return { of: (tensor) => whole('parameters', tensor), origin: (tensor) => whole('origins', tensor) }
}

/** Puts numbers where the trained ones are, which takes no memory here; false where a GPU has none to take them. */
function taken(trainer: NativeTrainer, { offset }: TrainedTensor, numbers: Float32Array): boolean {
  try {
    trainer.write('parameters', offset, numbers)
    return true
  } catch (error) {
    if (isOutOfMemory(error)) return false
    throw error
  }
}
