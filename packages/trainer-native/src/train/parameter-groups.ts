import type { TrainingConfig } from '@qt/core'
import type { UpdateOptions } from '../binding.js'

/** Rate and decay of each kind of trained tensor. */
export function parameterGroups(learningRate: number, { weightDecay }: TrainingConfig['training']): UpdateOptions['groups'] {
  const usual = { learningRate, weightDecay }
  return { weight: usual, lora_a: usual, lora_b: usual, magnitude: { learningRate, weightDecay: 0 } }
}
