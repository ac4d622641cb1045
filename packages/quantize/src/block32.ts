import { inverse } from './blocks.js'
import { largest, range } from './extremes.js'
import { fitAffine, weightedSteps } from './search/affine.js'
import { fitSymmetric } from './search/symmetric.js'
import { sumOfSquares, weigh } from './weights.js'

const f = Math.fround

/** What the errors of a row's values weigh: importance·√(mean of the row's squares + x²). */
export const rowWeights = (row: Float32Array, importance: Float32Array): Float32Array =>
  weigh(row, importance, f(sumOfSquares(row) / row.length))

/**
 * 32 values as x = d·(q − half) with q from 0 to 2·half − 1. Without weights the value of largest magnitude gets q = 0, so d is
 * that value / −half.
 */
export function symmetricLevels(values: Float32Array, from: number, half: number, weights: Float32Array | undefined) {
  const x = values.subarray(from, from + 32)
  if (weights) {
    const levels = new Uint8Array(32)
    return { d: fitSymmetric(x, weights.subarray(from, from + 32), half, levels), levels }
  }
  const d = f(largest(x, 0, 32) / -half)
  const id = inverse(d)
  return { d, levels: Uint8Array.from(x, (value) => Math.min(2 * half - 1, Math.trunc(f(f(value * id) + (half + 0.5))))) }
}

/** 32 values as x = d·q + m with q from 0 to `most`. Without weights m is the least value and m + most·d the greatest. */
export function affineLevels(values: Float32Array, from: number, most: number, weights: Float32Array | undefined) {
  const x = values.subarray(from, from + 32)
  if (weights) {
    const levels = new Uint8Array(32)
    const { scale, offset } = fitAffine(x, weights.subarray(from, from + 32), most, weightedSteps, levels)
    return { d: scale, m: -offset, levels }
  }
  const { min, max } = range(x, 0, 32)
  const d = f(f(max - min) / most)
  const id = inverse(d)
  return { d, m: min, levels: Uint8Array.from(x, (value) => Math.min(most, Math.trunc(f(f(f(value - min) * id) + 0.5)))) }
}
