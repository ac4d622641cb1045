import type { NativeTrainer } from '../binding.js'
import { trainedName } from './trained-name.js'

const bad = (values: Float32Array): boolean => values.some((value) => !Number.isFinite(value))

/** Why a step's numbers are not finite, as far as what is trained tells; called before the gradients are zeroed. */
export function whyNotFinite(trainer: NativeTrainer, what: 'loss' | 'gradient'): string {
  const first = (region: 'parameters' | 'gradients') =>
    trainer.tensors().find(({ offset, rows, columns }) => bad(trainer.read(region, offset, rows * columns)))
  const parameter = first('parameters')
  if (parameter)
    return `the ${what} is not a finite number, since ${trainedName(parameter)} is not: the steps before were too large`
  if (what === 'loss')
    return 'the loss is not a finite number, though everything that is trained is: look for broken weights in the base, or raise the precision'
  const gradient = first('gradients')
  return gradient
    ? `the gradient is not a finite number, first in ${trainedName(gradient)}`
    : 'the gradient is too large for a finite norm'
}
