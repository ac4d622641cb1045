import { loraPlusDefault, type TrainingConfig } from '@qt/core'
import type { UpdateOptions } from '../binding.js'

/** Rate and decay of each kind of trained tensor. LoRA+ (Hayou et al., arXiv 2402.12354) lets B learn faster than A; lengths do not decay. */
export function parameterGroups(
  learningRate: number,
  { training: { weightDecay }, adapter }: Pick<TrainingConfig, 'training' | 'adapter'>,
): UpdateOptions['groups'] {
  const usual = { learningRate, weightDecay }
  const ratio = adapter?.loraPlusRatio ?? (adapter?.kind === 'lora+' ? loraPlusDefault : 1)
  return {
    weight: usual,
    lora_a: usual,
    lora_b: { learningRate: learningRate * ratio, weightDecay },
    magnitude: { learningRate, weightDecay: 0 },
  }
}
