import { largest } from '../extremes.js'
import { add, explainsMore, type Moments, none, remove, scaleOf } from './moments.js'
import { allZero, clamp, nearest } from './nearest.js'

const f = Math.fround

/** As fitSymmetric with w = x², but improved one level at a time, at most five rounds, instead of by trying scales. */
export function fitByTurns(x: Float32Array, half: number, levels: Uint8Array): number {
  const max = largest(x, 0, x.length)
  if (Math.abs(max) < allZero) {
    levels.fill(0)
    return 0
  }
  const w = x.map((value) => value * value)
  const inverse = f(-half / max)
  const l = Array.from(x, (value) => clamp(-half, half - 1, nearest(inverse * value)))
  let sum: Moments = none
  for (let i = 0; i < x.length; i++) sum = add(sum, w[i]!, x[i]!, l[i]!)
  for (let round = 0, changed = true; round < 5 && changed; round++) {
    changed = false
    for (let i = 0; i < x.length; i++) {
      const rest = remove(sum, w[i]!, x[i]!, l[i]!)
      if (!(rest.lx > 0)) continue
      const next = clamp(-half, half - 1, nearest(f(f(x[i]! * rest.l2) / rest.lx)))
      if (next === l[i]) continue
      const candidate = add(rest, w[i]!, x[i]!, next)
      if (!(candidate.l2 > 0 && explainsMore(candidate, sum))) continue
      l[i] = next
      sum = candidate
      changed = true
    }
  }
  for (let i = 0; i < x.length; i++) levels[i] = l[i]! + half
  return scaleOf(sum)
}
