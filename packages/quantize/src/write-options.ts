import type { QuantizedTensor } from './build-plan.js'
import type { PlanOptions } from './plan-options.js'

/** What both ways of writing a plan take. */
export interface WriteOptions extends Pick<PlanOptions, 'method'> {
  /** After each tensor is written. */
  readonly onTensor?: ((tensor: QuantizedTensor) => void) | undefined
  readonly signal?: AbortSignal | undefined
}
