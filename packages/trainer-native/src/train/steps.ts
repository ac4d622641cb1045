import type { TrainingConfig } from '@qt/core'
import type { LossSum, NativeTrainer } from '../binding.js'
import type { Prepared } from './prepare.js'
import { batchesOf, type MicroBatch } from './windows.js'

export interface StepResult {
  /** Mean over the trainable tokens of the whole window. */
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
  let loss = 0
  for (const [index, { ids, labels, borders }] of batches.entries()) {
    const micro = (step - 1) * settings.gradAccumulation + index
    const sum = await trainer.forwardBackward(ids, labels, borders, trainable === 0 ? 0 : 1 / trainable, micro)
    if (!sum.finished) {
      trainer.zeroGradients()
      return undefined
    }
    loss += sum.loss
  }
  const mean = trainable === 0 ? 0 : loss / trainable
  if (!Number.isFinite(mean)) {
    trainer.zeroGradients()
    return { loss: mean, gradNorm: Number.NaN, trainable }
  }
  const { beta1, beta2, epsilon, weightDecay, gradClip } = settings
  const gradNorm = await trainer.update({ learningRate, beta1, beta2, epsilon, weightDecay, clip: gradClip ?? 0, step })
  if (!Number.isFinite(gradNorm)) trainer.zeroGradients()
  return { loss: mean, gradNorm, trainable }
}

/** Loss and right answers over the validation rows; undefined when stopped. */
export async function validate(
  trainer: NativeTrainer,
  { rows, config }: Prepared,
): Promise<Omit<LossSum, 'finished'> | undefined> {
  const total = { loss: 0, tokens: 0, correct: 0 }
  const { batchSize } = config.training
  for (let first = 0; first < (rows.validation?.length ?? 0); first += batchSize) {
    const count = Math.min(batchSize, rows.validation!.length - first)
    const [batch] = batchesOf(
      Array.from({ length: count }, (_, i) => rows.validation!.row(first + i)),
      batchSize,
    )
    const sum = await trainer.evaluate(batch!.ids, batch!.labels, batch!.borders)
    if (!sum.finished) return undefined
    total.loss += sum.loss
    total.tokens += sum.tokens
    total.correct += sum.correct
  }
  return total
}
