import type { TrainingConfig } from '@qt/core'

export interface EarlyStopping {
  /** Takes a validation loss. */
  add(loss: number): void
  /** Training should stop. */
  exhausted(): boolean
  state(): { best: number | null; since: number }
}

/** Stops after `patience` validations that did not improve the loss by `minDelta`. */
export function earlyStopping(
  config: TrainingConfig['training']['earlyStopping'],
  from: { best: number | null; since: number },
): EarlyStopping {
  let { best, since } = from
  return {
    add(loss) {
      if (config === null) return
      if (best === null || loss < best - config.minDelta) {
        best = loss
        since = 0
      } else since++
    },
    exhausted: () => config !== null && since >= config.patience,
    state: () => ({ best, since }),
  }
}
