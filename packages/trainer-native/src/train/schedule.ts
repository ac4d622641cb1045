import type { TrainingConfig } from '@qt/core'

/**
 * The learning rate of a step (from 1): linear warm-up to the full rate at step `warmupSteps`, then constant, or down to zero
 * after the last step by a line or half a cosine.
 */
export function learningRateAt(
  step: number,
  total: number,
  { schedule, learningRate, warmupSteps }: TrainingConfig['training'],
): number {
  if (step <= warmupSteps) return (learningRate * step) / warmupSteps
  const progress = (step - 1 - warmupSteps) / Math.max(1, total - warmupSteps)
  switch (schedule) {
    case 'constant':
      return learningRate
    case 'linear':
      return learningRate * (1 - progress)
    case 'cosine':
      return learningRate * 0.5 * (1 + Math.cos(Math.PI * progress))
  }
}
