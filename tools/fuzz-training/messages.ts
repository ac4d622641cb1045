import type { TrainingConfigInput } from '@qt/core'

/** What a process that trains is told. */
export type Order =
  | {
      readonly type: 'train'
      readonly config: TrainingConfigInput & { readonly output: string }
      readonly resume: boolean
      /** Variables of its environment; null takes one away. */
      readonly env: Readonly<Record<string, string | null>>
    }
  | { readonly type: 'stop' }

/** An error of a run, as far as people see it. */
export interface Problem {
  /** Of a QtError; a plain error has none. */
  readonly code?: string
  readonly kind?: string
  readonly field?: string
  readonly message: string
  readonly actions: number
  readonly stack?: string
  /** That it was told to stop before the run had begun. */
  readonly stopped: boolean
}

/** What it says. */
export type Report = { readonly type: 'event'; readonly event: string } | { readonly type: 'ended'; readonly problem?: Problem }
