import { usageError } from '@qt/core'

/**
 * The chance that one of k samples passes, from n samples of which c passed; unbiased, unlike 1 − (1 − c/n)ᵏ.
 * 1 if n − c < k, else 1 − ∏ (1 − k/i) over i from n−c+1 to n. Chen et al. 2021, https://arxiv.org/abs/2107.03374
 *
 * @example
 * ```ts
 * passAtK(10, 3, 1) // 0.3
 * passAtK(10, 3, 5) // 0.9166…
 * ```
 */
export function passAtK(n: number, c: number, k: number): number {
  const whole = [n, c, k].every((value) => Number.isInteger(value))
  if (!whole || n < 1 || c < 0 || c > n || k < 1 || k > n)
    throw usageError('EVAL_SAMPLES', `pass@${k} cannot be estimated from ${c} right ones of ${n} samples.`, {
      actions: ['Draw at least k samples: 1 ≤ k ≤ n and 0 ≤ c ≤ n.'],
    })
  if (n - c < k) return 1
  let miss = 1
  for (let i = n - c + 1; i <= n; i++) miss *= 1 - k / i
  return 1 - miss
}

/** The mean over problems. */
export const meanPassAtK = (problems: readonly { readonly samples: number; readonly passed: number }[], k: number): number =>
  problems.reduce((sum, { samples, passed }) => sum + passAtK(samples, passed, k), 0) / problems.length
