import { type QtError, usageError } from '@qt/core'

/** Refuses NaN and infinities, naming the first one's position. */
export function refuseNonFinite(values: Float32Array): void {
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) throw notFinite(i, values[i]!)
}

export const notFinite = (index: number, value: number): QtError =>
  usageError('QUANT_NOT_FINITE', `Value ${index} is ${value}; only finite numbers can be quantised.`, {
    where: { field: `[${index}]` },
    actions: ['Check the model that these weights come from: its training may have diverged or its file be damaged.'],
  })

/** A scale or a value that would be stored as infinity would turn its whole block into NaN. */
export const tooLarge = (name: string, index: number, largest: number): QtError =>
  usageError('QUANT_OUT_OF_RANGE', `The values from ${index} on are too large for ${name}: ${largest} would become infinite.`, {
    where: { field: `[${index}]` },
    actions: ['Use BF16 for this tensor, or check where such large weights come from.'],
  })

/** No float16 scale holds such values, and their powers would overflow in sums. */
export function refuseBeyondHalf(name: string, values: Float32Array, from: number): void {
  const huge = values.find((value) => Math.abs(value) >= 2 ** 30)
  if (huge !== undefined) throw tooLarge(name, from, huge)
}
