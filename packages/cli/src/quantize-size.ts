import type { PlanOptions, SizePlan } from '@qt/quantize'
import type { Io } from './io.js'
import { need } from './need.js'
import { status } from './print/status.js'
import { type SensitivityOptions, sensitivityOf } from './quantize-sensitivity.js'

/** The best type for every tensor under the size that was asked for; undefined when none was. */
export async function planSize(
  input: string,
  { maxBytes, type: _, types: __, ...options }: PlanOptions,
  io: Io,
  signal: AbortSignal,
  sensitivity?: Omit<SensitivityOptions, 'importance'>,
): Promise<SizePlan | undefined> {
  // --pure wants one type for all: the best usual one that fits.
  if (maxBytes === undefined || options.pure) return undefined
  const { importance } = options
  const weights = sensitivity && (await sensitivityOf(input, { ...sensitivity, importance }, io, signal))
  const { planUnder } = await need('@qt/quantize', () => import('@qt/quantize'))
  const progress = status(io)
  try {
    return await planUnder(input, {
      ...options,
      bytes: maxBytes,
      weightOf: weights && ((name) => weights.get(name) ?? 0),
      signal,
      onTensor: (name, done, total) => progress.update(`measuring  ${done}/${total} tensors  ${name}`),
    })
  } finally {
    progress.end()
  }
}
