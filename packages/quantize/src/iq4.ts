import { iq4Values } from '@qt/weights'
import { largest } from './extremes.js'
import { allZero } from './search/nearest.js'
import { sumOfSquares, weigh } from './weights.js'

const f = Math.fround

const midpoints = iq4Values.slice(1).map((value, i) => (value + iq4Values[i]!) / 2)

/** The level of the nearest of 16 unevenly spaced values, of two equally near ones the greater. */
const nearestLevel = (x: number): number => midpoints.reduce((level, middle) => level + Number(x >= middle), 0)

/** How much the errors of values count: as their squares, or importance·√(2·Σx²/n + x²). */
export const iq4Weights = (x: Float32Array, importance: Float32Array | undefined): Float32Array =>
  importance ? weigh(x, importance, f(sumOfSquares(x) * (2 / x.length))) : x.map((value) => value * value)

/** The scale of 32 values: 16 are tried around the one that gives the value of largest magnitude the outermost level. */
export function iq4Scale(x: Float32Array, weights: Float32Array): number {
  const max = largest(x, 0, 32)
  if (Math.abs(max) < allZero) return 0
  const moments = (inverse: number) => {
    let [lx, l2] = [0, 0]
    for (let i = 0; i < 32; i++) {
      const q = iq4Values[nearestLevel(f(inverse * x[i]!))]!
      const wq = f(weights[i]! * q)
      lx = f(lx + f(wq * x[i]!))
      l2 = f(l2 + f(wq * q))
    }
    return { lx, l2 }
  }
  const first = moments(f(1 / f(-max / iq4Values[0])))
  let scale = first.l2 > 0 ? f(first.lx / first.l2) : 0
  let best = f(scale * first.lx)
  for (let i = -7; i <= 7; i++) {
    const { lx, l2 } = moments(f((i + iq4Values[0]) / max))
    if (!(l2 > 0 && f(lx * lx) > f(best * l2))) continue
    scale = f(lx / l2)
    best = f(scale * lx)
  }
  return scale
}

export function iq4Levels(x: Float32Array, scale: number): Uint8Array {
  const inverse = scale === 0 ? 0 : f(1 / scale)
  return Uint8Array.from(x, (value) => nearestLevel(f(inverse * value)))
}
