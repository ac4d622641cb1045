import type { TrainingConfig } from '@qt/core'
import { badValue } from './submit-errors.js'

/** Processes that share blocks send each other far too much for a network: each machine must have whole groups of them. */
export function requireWholeGroups({ training }: TrainingConfig, onEach: number, action: string): void {
  const { tensorParallel } = training
  if (onEach % tensorParallel === 0) return
  const processes = `${onEach} process${onEach === 1 ? '' : 'es'}`
  throw badValue('training.tensorParallel', `Each machine has ${processes}, which cannot be groups of ${tensorParallel}.`, action)
}
