export interface McNemar {
  /** Items that only the first got right, and only the second. */
  readonly onlyA: number
  readonly onlyB: number
  /** Two-sided, exact. */
  readonly p: number
}

/**
 * McNemar's exact test: of the items on which two models differ, chance would split like coins. p = 2·Σ_{i ≤ min(b,c)} C(n,i)/2ⁿ, at most 1.
 *
 * @example
 * ```ts
 * mcnemar(3, 14).p // 0.0127: the second is better
 * ```
 */
export function mcnemar(onlyA: number, onlyB: number): McNemar {
  const n = onlyA + onlyB
  let [log, sum] = [0, Number.NEGATIVE_INFINITY]
  for (let i = 0; i <= Math.min(onlyA, onlyB); i++) {
    const [high, low] = log > sum ? [log, sum] : [sum, log]
    sum = high + Math.log1p(Math.exp(low - high))
    log += Math.log((n - i) / (i + 1))
  }
  return { onlyA, onlyB, p: Math.min(1, 2 * Math.exp(sum - n * Math.LN2)) }
}
