import { add, explainsMore, type Moments, none, remove, scaleOf } from './moments.js'
import { allZero, nearest } from './nearest.js'

const f = Math.fround

/**
 * x ≈ scale·l with l from 0 to `most` for x ≥ 0: eight scales around the one that gives the largest value the level `most`, then
 * one level at a time. Used for the scales of parts, weighted by the weights of their values.
 */
export function fitPositive(x: Float32Array, w: Float32Array, most: number, levels: Uint8Array): number {
  let max = 0
  for (const value of x) max = Math.max(max, value)
  if (max < allZero) {
    levels.fill(0)
    return 0
  }
  // The first levels are not limited to `most` but wrap at 256.
  const level = (inverse: number, i: number, limited: boolean) => {
    const l = nearest(inverse * x[i]!)
    return limited ? Math.min(most, l) : l & 255
  }
  const error = (inverse: number, limited: boolean) => {
    const scale = f(1 / inverse)
    let sum = 0
    for (let i = 0; i < x.length; i++) {
      const diff = f(x[i]! - f(scale * level(inverse, i, limited)))
      sum = f(sum + f(f(w[i]! * diff) * diff))
    }
    return sum
  }
  let inverse = f(most / max)
  let best = error(inverse, false)
  for (let step = -4; step <= 4; step++) {
    if (step === 0) continue
    const candidate = f(f(f(f(0.1) * step) + most) / max)
    const candidateError = error(candidate, true)
    if (!(candidateError < best)) continue
    best = candidateError
    inverse = candidate
  }
  let sum: Moments = none
  for (let i = 0; i < x.length; i++) {
    const l = level(inverse, i, true)
    levels[i] = l
    sum = add(sum, w[i]!, x[i]!, l)
  }
  for (let round = 0, changed = true; round < 5 && changed; round++) {
    changed = false
    for (let i = 0; i < x.length; i++) {
      const rest = remove(sum, w[i]!, x[i]!, levels[i]!)
      if (!(rest.lx > 0 && rest.l2 > 0)) continue
      const next = Math.min(most, nearest(f(f(x[i]! * rest.l2) / rest.lx)))
      if (next === levels[i]) continue
      const candidate = add(rest, w[i]!, x[i]!, next)
      if (!explainsMore(candidate, sum)) continue
      levels[i] = next
      sum = candidate
      changed = true
    }
  }
  return scaleOf(sum)
}
