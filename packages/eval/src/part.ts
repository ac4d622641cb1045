/** The entries from `from` up to `to` of any array-like. */
export const part = (values: ArrayLike<number>, from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, Math.min(to, values.length) - from) }, (_, i) => values[from + i]!)
