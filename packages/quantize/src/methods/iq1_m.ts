import { float16Bits, writeU16 } from '../half.js'
import { bestOf, type Cut, fitCut, iq1Grid, type Part, shiftedDown, shiftedUp, sortedOrder } from '../iq1.js'
import { kMethod, part } from '../k-block.js'
import { clamp, nearest } from '../search/nearest.js'
import { sumOfSquares, weigh } from '../weights.js'

const f = Math.fround

/** Shifts of the first and the last eight values. */
const patterns = [
  [shiftedUp, shiftedUp],
  [shiftedUp, shiftedDown],
  [shiftedDown, shiftedUp],
  [shiftedDown, shiftedDown],
]

/**
 * 1.75 bits a value: 16 parts of 16 as x = d·(2·scale + 1)·(level ± ⅛) with levels −1, 0, 1, each 8 values one of 2048 points with a
 * shift of its own. Layout: for each 8 values the lower 8 bits of a point; its upper 3 bits and the sign of the shift; 16 scales of 3
 * bits, whose four 16-bit words have 4 bits of d each on top.
 */
export const iq1_m = kMethod('IQ1_M', ({ x, importance, out, half }) => {
  const weights = importance ? weigh(x, importance, f(f(2 * sumOfSquares(x)) / 256)) : x.map((value) => value * value)
  const parts = Array.from({ length: 16 }, (_, j) => fitPart(part(x, j, 16), part(weights, j, 16)))
  const largest = parts.reduce((most, { scale }) => Math.max(most, scale), 0)
  if (!Number.isFinite(largest)) half(largest, 0)
  const inverse = f(1 / f(largest / 15))
  const words = [0, 0, 0, 0]
  let [lx, l2] = [0, 0]
  parts.forEach(({ scale, shift, codes }, j) => {
    const [first, last] = codes.map((code) => iq1Grid.pointOf[code]!) as [number, number]
    out.set([first, last], 2 * j)
    out[32 + j] = (first >> 8) | ((last >> 8) << 4)
    if (!(largest > 0)) return
    out[32 + j]! |= ((shift >> 1) << 3) | ((shift & 1) << 7)
    const level = clamp(0, 7, nearest(0.5 * f(f(inverse * scale) - 1)))
    words[j >> 2]! |= level << (3 * (j & 3))
    // The common scale is fitted once more to all that is stored.
    for (let k = 0; k < 16; k++) {
      const q = f(patterns[shift]![k >> 3]![(codes[k >> 3]! >> (2 * (k & 7))) & 3]! * (2 * level + 1))
      const wq = f(weights[16 * j + k]! * q)
      lx = f(lx + f(wq * x[16 * j + k]!))
      l2 = f(l2 + f(wq * q))
    }
  })
  const d = largest > 0 ? f((l2 > 0 ? f(lx / l2) : f(largest / 15)) * f(1.1125)) : 0
  const bits = float16Bits(d)
  if ((bits & 0x7c00) === 0x7c00) half(d, 48)
  words.forEach((word, i) => {
    writeU16(out, 48 + 2 * i, word | (((bits >> (4 * i)) & 15) << 12))
  })
})

function fitPart(x: Float32Array, weights: Float32Array): Part {
  const nothing = { scale: 0, shift: 0, codes: [0, 0] }
  if (x.every((value) => Math.abs(value) < f(1e-7))) return nothing
  const order = sortedOrder(x)
  const cut = bestOf(cuts(x, weights, order))
  return cut ? fitCut(x, weights, order, cut, patterns) : nothing
}

/** Sums over the sorted values of each half. Neighbouring levels are 1 apart, so Σwqx = q₂·Σwx less the sums before both cuts. */
function* cuts(x: Float32Array, weights: Float32Array, order: readonly number[]) {
  const sumX = [new Float32Array(17), new Float32Array(17)] as const
  const sumW = [new Float32Array(17), new Float32Array(17)] as const
  order.forEach((i, j) => {
    for (const half of [0, 1] as const) {
      const here = i >> 3 === half
      sumX[half][j + 1] = sumX[half][j]! + (here ? f(weights[i]! * x[i]!) : 0)
      sumW[half][j + 1] = sumW[half][j]! + (here ? weights[i]! : 0)
    }
  })
  const sums = (half: 0 | 1, [q0, q1, q2]: readonly [number, number, number], first: number, second: number) => {
    const [x, w] = [sumX[half], sumW[half]]
    const tail = f(f(f(w[16]! * q2) * q2) + f(w[first]! * (q0 * q0 - q1 * q1)))
    return { lx: f(f(x[16]! * q2) - f(x[first]! + x[second]!)), l2: f(tail + f(w[second]! * (q1 * q1 - q2 * q2))) }
  }
  for (let first = 0; first <= 16; first++)
    for (let second = first; second <= 16; second++)
      for (const [shift, pattern] of patterns.entries()) {
        const [a, b] = [sums(0, pattern[0]!, first, second), sums(1, pattern[1]!, first, second)]
        const cut: Omit<Cut, 'scale'> = { first, second, shift }
        yield { cut, lx: f(a.lx + b.lx), l2: f(a.l2 + b.l2) }
      }
}
