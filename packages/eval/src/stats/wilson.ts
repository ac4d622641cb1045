/** A share of cases and the range in which the true share lies, in 95 of 100 such measurements. */
export interface Share {
  /** NaN when there are no cases. */
  readonly share: number
  readonly low: number
  readonly high: number
  readonly count: number
  readonly of: number
}

/** The 97.5th percentile of the normal distribution. */
const z = 1.959963984540054

/**
 * A share with its Wilson score interval at 95 %: right for few cases and for shares near 0 or 1, where p ± 1.96·√(p(1−p)/n) is not.
 * (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n)
 *
 * @example
 * ```ts
 * wilson(8, 10) // { share: 0.8, low: 0.490, high: 0.943, count: 8, of: 10 }
 * ```
 */
export function wilson(count: number, of: number): Share {
  if (of === 0) return { share: Number.NaN, low: 0, high: 1, count, of }
  const share = count / of
  const scale = 1 + z ** 2 / of
  const middle = (share + z ** 2 / (2 * of)) / scale
  const half = (z * Math.sqrt((share * (1 - share)) / of + z ** 2 / (4 * of ** 2))) / scale
  // At 0 and 1 the ends are exact; rounding would miss them by a hair.
  return { share, low: count === 0 ? 0 : middle - half, high: count === of ? 1 : middle + half, count, of }
}
