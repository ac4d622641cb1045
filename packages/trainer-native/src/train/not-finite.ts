import type { NativeTrainer } from '../binding.js'
import { trainedName } from './trained-name.js'

const bad = (values: Float32Array): boolean => values.some((value) => !Number.isFinite(value))

export interface NotFinite {
  readonly cause: string
  /** The cause names where the first such number is. */
  readonly found: boolean
  /** What may help. */
  readonly actions: readonly string[]
}

const smallerSteps = ['Lower training.learningRate, or add warmupSteps.', 'Set training.gradClip to 1.']
const data = 'Look for broken rows in the data: qt data stats'
const precision = 'Try training.precision: float32.'

/** Why a step's numbers are not finite, as far as what is trained tells; called before the gradients are zeroed. */
export function whyNotFinite(trainer: NativeTrainer, what: 'loss' | 'gradient'): NotFinite {
  const tensors = trainer.tensors()
  const parameter = tensors.find(({ offset, rows, columns }) => bad(trainer.read('parameters', offset, rows * columns)))
  if (parameter)
    return {
      found: true,
      cause: `the ${what} is not a finite number, since ${trainedName(parameter)} is not: the steps before were too large`,
      actions: smallerSteps,
    }
  if (what === 'loss')
    return {
      found: false,
      cause: 'the loss is not a finite number, though everything that is trained is',
      actions: ['Look for broken weights in the base: download or export it again.', precision, data],
    }
  const gradient = tensors.find(({ gradient: { offset, count } }) => bad(trainer.read('gradients', offset, count)))
  return {
    found: gradient !== undefined,
    cause: gradient
      ? `the gradient is not a finite number, first in ${trainedName(gradient)}`
      : 'the gradient is too large for a finite norm',
    actions: [...smallerSteps, precision, data],
  }
}
