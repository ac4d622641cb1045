import type { TrainResult } from '@qt/core'

export interface TrainOptions {
  readonly signal?: AbortSignal | undefined
  /** Go on from the newest checkpoint in `output`; without one, start. */
  readonly resume?: boolean | undefined
  /** Train on so many examples, write nothing, and estimate what the whole run would take. */
  readonly dryRun?: number | undefined
}

export interface NativeTrainResult extends TrainResult {
  /** Of a dry run. */
  readonly estimate?: { readonly secondsPerStep: number; readonly totalSeconds: number; readonly peakMemory: number }
}
