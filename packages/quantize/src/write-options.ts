import type { QuantizedTensor } from './build-plan.js'

/** What both ways of writing a plan take. */
export interface WriteOptions {
  /** After each tensor is written. */
  readonly onTensor?: ((tensor: QuantizedTensor) => void) | undefined
  readonly signal?: AbortSignal | undefined
}
