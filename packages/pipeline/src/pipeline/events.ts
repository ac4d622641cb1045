import type { RunEvent } from '@qt/core'
import type { Finding } from '@qt/data'
import type { EvaluatedModel } from './evaluate.js'

export const stageNames = ['validate', 'train', 'merge', 'convert', 'quantise', 'verify', 'evaluate', 'report'] as const
export type StageName = (typeof stageNames)[number]

export type PipelineEvent =
  /** `reused`: its inputs are what they were, so what it made is still right. */
  | {
      readonly type: 'stage'
      readonly stage: StageName
      readonly state: 'start' | 'done' | 'reused'
      readonly number: number
      readonly of: number
      readonly summary?: string
      readonly seconds?: number
    }
  | { readonly type: 'progress'; readonly stage: StageName; readonly text: string; readonly done: number; readonly total: number }
  /** Bytes of a file of the base that comes from the hub, before the stages; its size where it is known. */
  | { readonly type: 'download'; readonly file: string; readonly done: number; readonly total: number | undefined }
  | { readonly type: 'finding'; readonly finding: Finding }
  | { readonly type: 'training'; readonly event: RunEvent }
  | { readonly type: 'message'; readonly level: 'info' | 'warning'; readonly message: string }

export interface PipelineResult {
  readonly output: string
  /** The tuned model in 16 bits. */
  readonly model: string
  readonly quantised: readonly { readonly type: string; readonly path: string; readonly bytes: number }[]
  readonly report: string
  readonly evaluation: readonly EvaluatedModel[]
  readonly stages: Readonly<Record<StageName, 'done' | 'reused'>>
  /** Files that --skip-invalid left out. */
  readonly leftOut: readonly string[]
  /** What to do next, in sentences. */
  readonly next: readonly string[]
}
