import type { RunEvent, TrainingConfig, ValidationEvent } from '@qt/core'

/** `interrupted`: the log stops without an end and nothing has written to it for a while. It can be resumed. */
export type RunStatus = 'running' | 'paused' | 'completed' | 'failed' | 'interrupted'

export interface RunSummary {
  readonly path: string
  /** The folder's name. */
  readonly name: string
  readonly status: RunStatus
  /** The last optimiser step in the log, 0 before the first. */
  readonly step: number
  /** Steps asked for, when the configuration counts in steps. */
  readonly steps: number | undefined
  readonly loss: number | undefined
  readonly validation: Pick<ValidationEvent, 'step' | 'loss' | 'perplexity' | 'tokenAccuracy'> | undefined
  /** The validation with the lowest loss. */
  readonly best: Pick<ValidationEvent, 'step' | 'loss'> | undefined
  /** Tokens trained on. */
  readonly tokens: number
  readonly tokensPerSecond: number | undefined
  /** Peak resident bytes. */
  readonly memory: number | undefined
  readonly started: string | undefined
  readonly updated: string | undefined
  /** The newest checkpoint, as the log names it. */
  readonly checkpoint: string | undefined
  readonly anomalies: readonly { readonly step: number; readonly message: string }[]
  /** The resolved configuration, when config.yaml is there and valid. */
  readonly config: TrainingConfig | undefined
  /** What could not be read, in plain sentences; empty for a healthy run. */
  readonly problems: readonly string[]
}

export type LogSummary = Omit<RunSummary, 'path' | 'name' | 'steps' | 'config' | 'problems'>

export const emptyLog: LogSummary = {
  status: 'running',
  step: 0,
  loss: undefined,
  validation: undefined,
  best: undefined,
  tokens: 0,
  tokensPerSecond: undefined,
  memory: undefined,
  started: undefined,
  updated: undefined,
  checkpoint: undefined,
  anomalies: [],
}

/** The summary after one more event. */
export function addEvent(summary: LogSummary, event: RunEvent): LogSummary {
  const seen = { ...summary, updated: event.time }
  switch (event.type) {
    case 'start':
      return { ...seen, status: 'running', started: summary.started ?? event.time }
    case 'step': {
      const { step, loss, tokens, tokensPerSecond, memory } = event
      return { ...seen, status: 'running', step, loss, tokens, tokensPerSecond, memory }
    }
    case 'validation': {
      const { step, loss, perplexity, tokenAccuracy } = event
      const best = summary.best !== undefined && summary.best.loss <= loss ? summary.best : { step, loss }
      return { ...seen, validation: { step, loss, perplexity, tokenAccuracy }, best }
    }
    case 'checkpoint':
      return { ...seen, checkpoint: event.path }
    case 'anomaly':
      return { ...seen, anomalies: [...summary.anomalies, { step: event.step, message: event.message }] }
    case 'paused':
      return { ...seen, status: 'paused', step: event.step, checkpoint: event.checkpoint }
    case 'end':
      return { ...seen, status: event.why === 'anomaly' ? 'failed' : 'completed', step: event.steps, tokens: event.tokens }
    case 'message':
      return seen
  }
}
