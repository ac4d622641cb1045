import type { FrontierPoint } from '../planner/frontier.js'
import type { TensorError } from './tensor-errors.js'

/** How differently two models continue a text; what `divergence` of @qt/eval measures. */
export interface TextQuality {
  readonly mean: number
  readonly median: number
  readonly percentile99: number
  readonly max: number
  readonly topAgreement: number
  readonly positions: number
  readonly perplexity: { readonly p: number; readonly q: number }
}

/** What a quantisation cost. Plain data: JSON.stringify writes it. */
export interface QualityReport {
  readonly original: { readonly name: string; readonly bytes: number }
  readonly quantised: { readonly name: string; readonly bytes: number; readonly type: string }
  /** On which text the models were compared, and what came out. */
  readonly text?: { readonly datasets: readonly string[]; readonly quality: TextQuality } | undefined
  readonly tensors: readonly TensorError[]
  /** What files of other sizes would have lost at best, when the size was planned. */
  readonly plan?: { readonly cost: number; readonly frontier: readonly FrontierPoint[] } | undefined
}
