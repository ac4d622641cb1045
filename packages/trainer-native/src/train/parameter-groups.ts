import { loraPlusDefault, type TrainingConfig } from '@qt/core'
import type { UpdateOptions } from '../binding.js'

/**
 * Rate and decay of each kind of trained tensor. LoRA+ (Hayou et al., arXiv 2402.12354) lets B learn faster than A; lengths do not decay.
 * Rows of an embedding are learned only where their token occurs, so that rare ones may want a higher rate.
 */
export function parameterGroups(
  learningRate: number,
  { training: { weightDecay, embeddingRatio }, adapter }: Pick<TrainingConfig, 'training' | 'adapter'>,
): UpdateOptions['groups'] {
  const usual = { learningRate, weightDecay }
  const ratio = adapter?.loraPlusRatio ?? (adapter?.kind === 'lora+' ? loraPlusDefault : 1)
  return {
    weight: usual,
    lora_a: usual,
    lora_b: { learningRate: learningRate * ratio, weightDecay },
    embedding: { learningRate: learningRate * embeddingRatio, weightDecay },
    magnitude: { learningRate, weightDecay: 0 },
  }
}
