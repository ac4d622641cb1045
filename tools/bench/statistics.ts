/** The middle value; the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('The median of nothing is not defined.')
  const sorted = [...values].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Largest distance from the median, as a share of it: how far the runs lie apart. */
export function spread(values: readonly number[]): number {
  const middle = median(values)
  return middle === 0 ? 0 : Math.max(...values.map((value) => Math.abs(value - middle))) / Math.abs(middle)
}
