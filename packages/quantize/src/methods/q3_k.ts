import { largest } from '../extremes.js'
import { type KBlock, kMethod, part, settleSymmetric, writePairs } from '../k-block.js'
import { fitByTurns } from '../search/by-turns.js'
import { clamp, nearest } from '../search/nearest.js'
import { fitSymmetric } from '../search/symmetric.js'
import { sumOf, sumOfSquares, weigh } from '../weights.js'

const f = Math.fround

/**
 * 3.4375 bits a value: 16 parts of 16 as x = d·scale·(q − 4) with q from 0 to 7 and scale from −32 to 31.
 * Layout: 32 bytes of third bits (bit i / 32 of byte i % 32), 64 bytes of lower bits as in Q2_K, 12 bytes of scales + 32 (eight
 * bytes of nibbles, four of upper bits), d.
 */
export const q3_k = kMethod('Q3_K', (block) => {
  const { x, out } = block
  const { levels, scales, unit } = fit(block)
  scales.forEach((scale, j) => {
    out[96 + (j & 7)]! |= (scale & 15) << (j < 8 ? 0 : 4)
    out[104 + (j & 3)]! |= (scale >> 4) << ((j >> 2) << 1)
  })
  const d = block.half(unit, 108)
  for (let j = 0; j < 16; j++) settleSymmetric(part(x, j, 16), 4, f(d * (scales[j]! - 32)), part(levels, j, 16))
  levels.forEach((level, i) => {
    out[i & 31]! |= (level >> 2) << (i >> 5)
  })
  writePairs(levels, out, 32)
})

function fit({ x, importance }: KBlock): { levels: Uint8Array; scales: Uint8Array; unit: number } {
  const levels = new Uint8Array(256)
  const scales = new Uint8Array(16)
  const [found, sums] = [new Float32Array(16), new Float32Array(16)]
  const spread = f(f(2 * sumOfSquares(x)) / 256)
  for (let j = 0; j < 16; j++) {
    const [values, to] = [part(x, j, 16), part(levels, j, 16)]
    if (!importance) {
      found[j] = fitByTurns(values, 4, to)
      continue
    }
    const weights = weigh(values, part(importance, j, 16), spread)
    sums[j] = sumOf(weights)
    found[j] = fitSymmetric(values, weights, 4, to)
  }
  if (importance) return { levels, scales, unit: fitSymmetric(found, sums, 32, scales) }
  const max = largest(found, 0, 16)
  if (max === 0) return { levels, scales, unit: 0 }
  const inverse = f(-32 / max)
  // A cast to eight bits comes before the limits.
  found.forEach((scale, j) => {
    scales[j] = clamp(-32, 31, (nearest(inverse * scale) << 24) >> 24) + 32
  })
  return { levels, scales, unit: f(1 / inverse) }
}
