import type { Divergence } from '@qt/core'
import type { FrontierPoint } from '../planner/frontier.js'
import type { TensorError } from './tensor-errors.js'

/** What a quantisation cost. Plain data: JSON.stringify writes it. */
export interface QualityReport {
  readonly original: { readonly name: string; readonly bytes: number }
  readonly quantised: { readonly name: string; readonly bytes: number; readonly type: string }
  /** On which text the models were compared, and what came out. */
  readonly text?: { readonly datasets: readonly string[]; readonly quality: Divergence } | undefined
  readonly tensors: readonly TensorError[]
  /** What files of other sizes would have lost at best, when the size was planned. */
  readonly plan?: { readonly cost: number; readonly frontier: readonly FrontierPoint[] } | undefined
}
