/**
 * p-values made larger for being many (Holm): the chance that any of the tests that find a difference where none is stays below the level.
 *
 * @example
 * ```ts
 * holm([0.01, 0.04, 0.03]) // [0.03, 0.06, 0.06]
 * ```
 */
export function holm(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!)
  const adjusted = new Array<number>(values.length)
  let most = 0
  for (const [rank, i] of order.entries()) {
    most = Math.max(most, Math.min(1, values[i]! * (values.length - rank)))
    adjusted[i] = most
  }
  return adjusted
}
