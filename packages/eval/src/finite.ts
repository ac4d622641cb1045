import { QtError } from '@qt/core'

/** A log-probability that is a number; one that is none names where it stood. */
export function finite(log: number, where: string): number {
  if (!Number.isNaN(log)) return log
  throw new QtError({
    code: 'EVAL_NOT_FINITE',
    message: `The model gave no probability for ${where}.`,
    actions: ['Check the model file: its weights may contain values that are not numbers.'],
  })
}
