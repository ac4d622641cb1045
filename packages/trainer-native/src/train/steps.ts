import type { TrainingConfig } from '@qt/core'
import type { LossSum, NativeTrainer } from '../binding.js'
import { parameterGroups } from './parameter-groups.js'
import type { Prepared } from './prepare.js'
import { batchesOf, type MicroBatch } from './windows.js'

export interface StepResult {
  /** Mean over the trainable tokens of the whole window, by their weights. */
  readonly loss: number
  readonly gradNorm: number
  readonly trainable: number
}

/** One optimiser step over its micro-batches; undefined when it was stopped before its end, and then nothing has changed. */
export async function oneStep(
  trainer: NativeTrainer,
  batches: readonly MicroBatch[],
  step: number,
  learningRate: number,
  settings: TrainingConfig['training'],
): Promise<StepResult | undefined> {
  const trainable = batches.reduce((sum, batch) => sum + batch.trainable, 0)
  const weight = batches.reduce((sum, batch) => sum + batch.weight, 0)
  let loss = 0
  for (const [index, batch] of batches.entries()) {
    const micro = (step - 1) * settings.gradAccumulation + index
    const sum = await trainer.forwardBackward(batch, { weight: weight === 0 ? 0 : 1 / weight, micro })
    if (!sum.finished) {
      trainer.zeroGradients()
      return undefined
    }
    loss += sum.loss
  }
  const mean = weight === 0 ? 0 : loss / weight
  if (!Number.isFinite(mean)) {
    trainer.zeroGradients()
    return { loss: mean, gradNorm: Number.NaN, trainable }
  }
  const { beta1, beta2, epsilon, gradClip } = settings
  const groups = parameterGroups(learningRate, settings)
  const gradNorm = await trainer.update({ groups, beta1, beta2, epsilon, clip: gradClip ?? 0, step })
  if (!Number.isFinite(gradNorm)) trainer.zeroGradients()
  return { loss: mean, gradNorm, trainable }
}

/** Loss and right answers over the validation rows; undefined when stopped. */
export async function validate(
  trainer: NativeTrainer,
  { rows, config }: Prepared,
): Promise<Omit<LossSum, 'finished'> | undefined> {
  const total = { loss: 0, weight: 0, tokens: 0, correct: 0 }
  const { batchSize } = config.training
  for (let first = 0; first < (rows.validation?.length ?? 0); first += batchSize) {
    const count = Math.min(batchSize, rows.validation!.length - first)
    const [batch] = batchesOf(
      Array.from({ length: count }, (_, i) => rows.validation!.row(first + i)),
      batchSize,
    )
    const sum = await trainer.evaluate(batch!)
    if (!sum.finished) return undefined
    total.loss += sum.loss
    total.weight += sum.weight
    total.tokens += sum.tokens
    total.correct += sum.correct
  }
  return total
}
