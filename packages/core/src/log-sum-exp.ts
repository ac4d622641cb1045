/** log(Σ exp x), exact for any range: the largest term is taken out first. */
export function logSumExp(values: ArrayLike<number>, from = 0, to = values.length): number {
  let largest = Number.NEGATIVE_INFINITY
  for (let i = from; i < to; i++) if (values[i]! > largest) largest = values[i]!
  if (!Number.isFinite(largest)) return largest
  let sum = 0
  for (let i = from; i < to; i++) sum += Math.exp(values[i]! - largest)
  return largest + Math.log(sum)
}
