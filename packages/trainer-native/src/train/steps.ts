import type { TrainingConfig } from '@qt/core'
import type { LossSum, NativeTrainer } from '../binding.js'
import type { FrozenModules } from './frozen-modules.js'
import { type NotFinite, whyNotFinite } from './not-finite.js'
import { parameterGroups } from './parameter-groups.js'
import { pairLosses, preferencePass, tokensOf } from './preference.js'
import type { Prepared } from './prepare.js'
import { batchesOf, type MicroBatch } from './windows.js'

export interface StepResult {
  /** Mean over the trainable tokens of the whole window, by their weights. */
  readonly loss: number
  readonly gradNorm: number
  readonly trainable: number
  /** What is wrong with the numbers, if anything; then nothing has changed. */
  readonly broken?: NotFinite
}

/** One optimiser step over its micro-batches; undefined when it was stopped before its end, and then nothing has changed. */
export async function oneStep(
  trainer: NativeTrainer,
  batches: readonly MicroBatch[],
  step: number,
  learningRate: number,
  config: TrainingConfig,
  frozen?: FrozenModules,
): Promise<StepResult | undefined> {
  const { gradAccumulation, beta1, beta2, epsilon, gradClip, averageDecay } = config.training
  const trainable = batches.reduce((sum, batch) => sum + batch.trainable, 0)
  const pass = passOf(trainer, batches, config)
  let mean = 0
  for (const [index, batch] of batches.entries()) {
    const share = await pass(batch, (step - 1) * gradAccumulation + index)
    if (share === undefined) {
      trainer.zeroGradients()
      return undefined
    }
    mean += share
  }
  const brokenStep = (what: 'loss' | 'gradient', gradNorm: number): StepResult => {
    const broken = whyNotFinite(trainer, what)
    trainer.zeroGradients()
    return { loss: mean, gradNorm, trainable, broken }
  }
  if (!Number.isFinite(mean)) return brokenStep('loss', Number.NaN)
  const groups = parameterGroups(learningRate, config)
  frozen?.withoutGradients()
  const gradNorm = await trainer.update({
    groups,
    beta1,
    beta2,
    epsilon,
    clip: gradClip ?? 0,
    averageDecay: averageDecay ?? 0,
    step,
  })
  frozen?.restore()
  return Number.isFinite(gradNorm) ? { loss: mean, gradNorm, trainable } : brokenStep('gradient', gradNorm)
}

/** Adds a micro-batch's gradients and gives its share of the window's loss, or undefined when it was stopped. */
function passOf(
  trainer: NativeTrainer,
  batches: readonly MicroBatch[],
  { training: { objective, preferenceStrength } }: TrainingConfig,
): (batch: MicroBatch, micro: number) => Promise<number | undefined> {
  if (objective === 'next-token') {
    const weight = batches.reduce((sum, batch) => sum + batch.weight, 0)
    const share = weight === 0 ? 0 : 1 / weight
    return async (batch, micro) => {
      const sum = await trainer.forwardBackward(batch, { weight: share, micro })
      return sum.finished ? sum.loss * share : undefined
    }
  }
  const counts = batches.map(tokensOf)
  const pairs = counts.reduce((sum, documents) => sum + documents.length / 2, 0)
  const chosenTokens = counts.flat().reduce((sum, tokens, d) => (d % 2 === 0 ? sum + tokens : sum), 0)
  return (batch, micro) => preferencePass(trainer, batch, micro, { objective, strength: preferenceStrength, pairs, chosenTokens })
}

/** Loss and right answers over the validation rows; undefined when stopped. */
export async function validate(
  trainer: NativeTrainer,
  { rows, config }: Prepared,
): Promise<Omit<LossSum, 'finished' | 'documents'> | undefined> {
  const total = { loss: 0, weight: 0, tokens: 0, correct: 0 }
  const { batchSize, objective } = config.training
  for (let first = 0; first < (rows.validation?.length ?? 0); first += batchSize) {
    const count = Math.min(batchSize, rows.validation!.length - first)
    const [batch] = batchesOf(
      Array.from({ length: count }, (_, i) => rows.validation!.row(first + i)),
      batchSize,
    )
    const sum = await (objective === 'next-token' ? trainer.evaluate(batch!) : validatePairs(trainer, batch!, config))
    if (!sum?.finished) return undefined
    total.loss += sum.loss
    total.weight += sum.weight
    total.tokens += sum.tokens
    total.correct += sum.correct
  }
  return total
}

/** The preference loss of pairs, by their number; right answers are the most likely tokens of both. */
async function validatePairs(
  trainer: NativeTrainer,
  batch: MicroBatch,
  { training: { objective, preferenceStrength } }: TrainingConfig,
): Promise<LossSum | undefined> {
  const plain = await trainer.evaluate(batch)
  if (!plain.finished || objective === 'next-token') return plain
  const found = await pairLosses(trainer, batch, { objective, strength: preferenceStrength })
  return found && { ...plain, loss: found.pairs.reduce((sum, { loss }) => sum + loss, 0), weight: found.pairs.length }
}
