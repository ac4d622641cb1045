import type { TrainingConfigInput } from '@qt/core'

type AdapterInput = NonNullable<TrainingConfigInput['adapter']>

/**
 * A LoRA adapter for `train`.
 *
 * @example
 * ```ts
 * lora({ rank: 8 }) // { kind: 'lora', rank: 8 }
 * ```
 */
export const lora = (options: Omit<AdapterInput, 'kind'> = {}): AdapterInput => ({ kind: 'lora', ...options })
