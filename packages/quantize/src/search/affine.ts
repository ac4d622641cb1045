import { range } from '../extremes.js'
import { clamp, nearest } from './nearest.js'

const f = Math.fround

/** The scales tried: (first + step·i + most) / (max − min) for i from 0 to `steps`. */
export interface Steps {
  readonly first: number
  readonly step: number
  readonly steps: number
  /** The error is Σw·|diff| instead of Σw·diff². */
  readonly absolute?: boolean
}

/** With importance all affine types try these. */
export const weightedSteps: Steps = { first: -0.9, step: 0.05, steps: 36 }

/**
 * x ≈ scale·l − offset with l from 0 to `most` and offset ≥ 0, errors weighted by w: for each scale tried, levels are rounded and
 * the least-squares line through (l, x) taken; the line of least error wins.
 */
export function fitAffine(
  x: Float32Array,
  w: Float32Array,
  most: number,
  { first, step, steps, absolute = false }: Steps,
  levels: Uint8Array,
): { scale: number; offset: number } {
  const n = x.length
  const { min: least, max } = range(x, 0, n)
  let [sumW, sumX] = [w[0]!, f(w[0]! * x[0]!)]
  for (let i = 1; i < n; i++) {
    sumW = f(sumW + w[i]!)
    sumX = f(sumX + f(w[i]! * x[i]!))
  }
  let min = Math.min(0, least)
  if (max === min) {
    levels.fill(0)
    return { scale: 0, offset: -min }
  }
  const level = (inverse: number, i: number, from: number) => clamp(0, most, nearest(f(inverse * f(x[i]! - from))))
  const error = (inverse: number, from: number, scale: number, offset: number) => {
    let sum = 0
    for (let i = 0; i < n; i++) {
      const diff = f(f(f(scale * level(inverse, i, from)) + offset) - x[i]!)
      sum = f(sum + f(w[i]! * (absolute ? Math.abs(diff) : f(diff * diff))))
    }
    return sum
  }
  let [bestInverse, bestFrom] = [f(most / f(max - min)), min]
  let scale = f(1 / bestInverse)
  let best = error(bestInverse, min, scale, min)
  for (let i = 0; i <= steps; i++) {
    // Levels are counted from the offset that is the best so far.
    const from = min
    const inverse = f(f(f(f(first) + f(f(step) * i)) + most) / f(max - from))
    let [sumL, sumL2, sumXL] = [0, 0, 0]
    for (let k = 0; k < n; k++) {
      const l = level(inverse, k, from)
      const wl = f(w[k]! * l)
      sumL = f(sumL + wl)
      sumL2 = f(sumL2 + f(wl * l))
      sumXL = f(sumXL + f(wl * x[k]!))
    }
    const determinant = f(f(sumW * sumL2) - f(sumL * sumL))
    if (!(determinant > 0)) continue
    let newScale = f(f(f(sumW * sumXL) - f(sumX * sumL)) / determinant)
    let newMin = f(f(f(sumL2 * sumX) - f(sumL * sumXL)) / determinant)
    if (newMin > 0) {
      newMin = 0
      newScale = f(sumXL / sumL2)
    }
    const newError = error(inverse, from, newScale, newMin)
    if (!(newError < best)) continue
    ;[best, bestInverse, bestFrom, scale, min] = [newError, inverse, from, newScale, newMin]
  }
  for (let i = 0; i < n; i++) levels[i] = level(bestInverse, i, bestFrom)
  return { scale, offset: -min }
}
