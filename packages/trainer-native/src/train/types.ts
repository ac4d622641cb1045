import type { RunEvent, TrainResult } from '@qt/core'
import type { Team } from '../parallel/team.js'

export interface TrainOptions {
  readonly signal?: AbortSignal | undefined
  /** Go on from the newest checkpoint in `output`; without one, start. */
  readonly resume?: boolean | undefined
  /** Train on so many examples, write nothing, and estimate what the whole run would take. */
  readonly dryRun?: number | undefined
}

/** What a run works in. */
export interface RunningContext {
  readonly emit: (event: RunEvent) => void
  readonly signal: AbortSignal
  readonly team: Team
}

export interface NativeTrainResult extends TrainResult {
  /** Of a dry run. */
  readonly estimate?: { readonly secondsPerStep: number; readonly totalSeconds: number; readonly peakMemory: number }
}
