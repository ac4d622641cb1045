import { writeU16 } from '../half.js'
import { bestOf, type Cut, fitCut, iq1Grid, type Part, shiftedDown, shiftedUp, sortedOrder } from '../iq1.js'
import { kMethod, part } from '../k-block.js'
import { clamp, nearest } from '../search/nearest.js'
import { sumOfSquares, weigh } from '../weights.js'

const f = Math.fround
const patterns = [Array(4).fill(shiftedUp), Array(4).fill(shiftedDown)]
const everyValue = new Float32Array(256).fill(1)

/**
 * 1.5625 bits a value: 8 parts of 32 as x = d·(2·scale + 1)·(level ± ⅛) with levels −1, 0, 1, each 8 values one of 2048 points.
 * Layout: d; for each 8 values the lower 8 bits of a point; for each part 4 × its upper 3 bits, a scale of 3 bits, the sign of the
 * shift. Made for importance; without it every value counts 1.
 */
export const iq1_s = kMethod('IQ1_S', ({ x, importance = everyValue, out, half }) => {
  const weights = weigh(x, importance, f(f(2 * sumOfSquares(x)) / 256))
  const parts = Array.from({ length: 8 }, (_, j) => fitPart(part(x, j, 32), part(weights, j, 32)))
  const largest = parts.reduce((most, { scale }) => Math.max(most, scale), 0)
  const d = f(largest / 15)
  half(f(d * 1.125), 0)
  parts.forEach(({ scale, shift, codes }, j) => {
    const level = largest > 0 ? clamp(0, 7, nearest(0.5 * f(f(f(1 / d) * scale) - 1))) | (shift << 3) : 0
    const points = codes.map((code) => iq1Grid.pointOf[code]!)
    out.set(points, 2 + 4 * j)
    writeU16(
      out,
      34 + 2 * j,
      points.reduce((high, point, k) => high | ((point >> 8) << (3 * k)), level << 12),
    )
  })
})

function fitPart(x: Float32Array, weights: Float32Array): Part {
  const nothing = { scale: 0, shift: 0, codes: [0, 0, 0, 0] }
  if (x.every((value) => Math.abs(value) < f(1e-12))) return nothing
  const order = sortedOrder(x)
  const cut = bestOf(cuts(x, weights, order))
  return cut ? fitCut(x, weights, order, cut, patterns) : nothing
}

/** Sums over the sorted values make every cut cost the same. */
function* cuts(x: Float32Array, weights: Float32Array, order: readonly number[]) {
  const sumX = new Float32Array(33)
  const sumW = new Float32Array(33)
  order.forEach((i, j) => {
    sumX[j + 1] = sumX[j]! + f(weights[i]! * x[i]!)
    sumW[j + 1] = sumW[j]! + weights[i]!
  })
  for (let first = 0; first <= 32; first++)
    for (let second = first; second <= 32; second++) {
      const partsX = [sumX[first]!, f(sumX[second]! - sumX[first]!), f(sumX[32]! - sumX[second]!)] as const
      const partsW = [sumW[first]!, f(sumW[second]! - sumW[first]!), f(sumW[32]! - sumW[second]!)] as const
      for (const [shift, [q0, q1, q2]] of [shiftedUp, shiftedDown].entries()) {
        const lx = f(f(f(partsX[0] * q0) + f(partsX[1] * q1)) + f(partsX[2] * q2))
        const l2 = f(f(f(f(partsW[0] * q0) * q0) + f(f(partsW[1] * q1) * q1)) + f(f(partsW[2] * q2) * q2))
        const cut: Omit<Cut, 'scale'> = { first, second, shift }
        yield { cut, lx, l2 }
      }
    }
}
