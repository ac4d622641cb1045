/** The first value of largest magnitude, with its sign; +0 for a block of zeros of either sign, as in the reference. */
export function largest(values: Float32Array, from: number, count: number): number {
  let magnitude = 0
  let value = 0
  for (let i = from; i < from + count; i++) {
    const candidate = Math.abs(values[i]!)
    if (candidate <= magnitude) continue
    magnitude = candidate
    value = values[i]!
  }
  return value
}

/** The least and the greatest value, of equal ones (0 and −0) the first. */
export function range(values: Float32Array, from: number, count: number): { min: number; max: number } {
  let min = values[from]!
  let max = min
  for (let i = from + 1; i < from + count; i++) {
    const value = values[i]!
    if (value < min) min = value
    if (value > max) max = value
  }
  return { min, max }
}
