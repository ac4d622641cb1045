import { wilson } from './wilson.js'

/** How often both, only the first, only the second, or neither of two was right on the same items. */
export interface PairedCounts {
  readonly both: number
  readonly onlyA: number
  readonly onlyB: number
  readonly neither: number
}

/**
 * 95 % interval of the difference of two shares over the same items, b − a, by the squared score intervals of each (Newcombe 1998, method 10). Unlike
 * resampling it keeps its width where few items, or all of them alike, differ.
 *
 * @example
 * ```ts
 * pairedShares({ both: 1, onlyA: 0, onlyB: 3, neither: 0 }) // { low: 0.08…, high: 0.95… }
 * ```
 */
export function pairedShares({ both, onlyA, onlyB, neither }: PairedCounts): { readonly low: number; readonly high: number } {
  const n = both + onlyA + onlyB + neither
  const [a, b] = [wilson(both + onlyA, n), wilson(both + onlyB, n)]
  const margins = (both + onlyA) * (onlyB + neither) * (both + onlyB) * (onlyA + neither)
  const product = both * neither - onlyA * onlyB
  const corrected = product > n / 2 ? product - n / 2 : Math.min(product, 0)
  const phi = margins === 0 ? 0 : corrected / Math.sqrt(margins)
  const distance = (x: number, y: number): number => Math.sqrt(Math.max(0, x * x - 2 * phi * x * y + y * y))
  const difference = b.share - a.share
  return {
    low: difference - distance(b.share - b.low, a.high - a.share),
    high: difference + distance(b.high - b.share, a.share - a.low),
  }
}
