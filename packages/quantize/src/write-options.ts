import type { TensorType } from '@qt/core'
import type { QuantizedTensor } from './build-plan.js'
import type { QuantFormat } from './method.js'

/** What both ways of writing a plan take. */
export interface WriteOptions {
  /** After each tensor is written. */
  readonly onTensor?: ((tensor: QuantizedTensor) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** Encodes the tensors of its type instead of the built-in method. */
  readonly method?: (QuantFormat & { readonly type?: TensorType }) | undefined
}
