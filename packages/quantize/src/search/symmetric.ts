import { largest } from '../extremes.js'
import { add, type Moments, none } from './moments.js'
import { allZero, clamp, nearest } from './nearest.js'

const f = Math.fround

/**
 * x ≈ scale·l with l from −half to half − 1, errors weighted by w: 19 scales around the one that gives the largest value the
 * level −half are tried, the one that explains most of Σwx² is taken. Writes l + half and returns the scale.
 */
export function fitSymmetric(x: Float32Array, w: Float32Array, half: number, levels: Uint8Array): number {
  const max = largest(x, 0, x.length)
  if (Math.abs(max) < allZero) {
    levels.fill(0)
    return 0
  }
  const level = (inverse: number, i: number) => clamp(-half, half - 1, nearest(inverse * x[i]!))
  const moments = (inverse: number) => {
    let sum: Moments = none
    for (let i = 0; i < x.length; i++) sum = add(sum, w[i]!, x[i]!, level(inverse, i))
    return sum
  }
  let bestInverse = f(-half / max)
  const { lx, l2 } = moments(bestInverse)
  let scale = l2 !== 0 ? f(lx / l2) : 0
  let best = f(scale * lx)
  for (let step = -9; step <= 9; step++) {
    if (step === 0) continue
    const inverse = f(-f(half + f(f(0.1) * step)) / max)
    const { lx, l2 } = moments(inverse)
    if (!(l2 > 0 && f(lx * lx) > f(best * l2))) continue
    bestInverse = inverse
    scale = f(lx / l2)
    best = f(scale * lx)
  }
  for (let i = 0; i < x.length; i++) levels[i] = level(bestInverse, i) + half
  return scale
}
