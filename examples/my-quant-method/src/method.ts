import { usageError } from '@qt/core'
import { defineQuantMethod } from '@qt/quantize'
import { decodeBlocks, encodeFloats } from '@qt/weights'

const size = 32
const bytes = 18

/** Scales that are tried, as parts of the value that lies furthest from zero; -8 is what Q4_0 takes. */
const divisors = Array.from({ length: 19 }, (_, i) => -8.9 + i / 10)

/**
 * Blocks of Q4_0: a scale d as float16 and 32 numbers q of 4 bits, which mean d·(q − 8). The format leaves the scale open. Q4_0 takes
 * the one at which the value furthest from zero is exact; this takes, of a few around it, the one with the least squared error, and
 * counts each column by its importance where that is known.
 */
export default defineQuantMethod({
  name: 'Q4_0_FIT',
  type: 'Q4_0',
  blockSize: size,
  blockBytes: bytes,
  encode(values, out, importance) {
    for (let from = 0, to = 0; from < values.length; from += size, to += bytes) {
      const block = values.subarray(from, from + size)
      const weights = importance?.subarray(from, from + size)
      const scale = bestScale(block, weights, from)
      out.set(encodeFloats('F16', Float32Array.of(scale)), to)
      // The first 16 numbers lie in the lower halves of the bytes, the other 16 in the upper.
      for (let i = 0; i < 16; i++) out[to + 2 + i] = level(block[i]!, scale) | (level(block[i + 16]!, scale) << 4)
    }
  },
  decode(blocks, out) {
    out.set(decodeBlocks('Q4_0', blocks))
  },
})

const level = (value: number, scale: number): number =>
  scale === 0 ? 8 : Math.max(0, Math.min(15, Math.round(value / scale) + 8))

function bestScale(block: Float32Array, weights: Float32Array | undefined, position: number): number {
  const furthest = block.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a), 0)
  if (Math.abs(furthest) / 8 > 60000)
    throw usageError('QUANT_OUT_OF_RANGE', `The value ${furthest} is too large for Q4_0.`, {
      where: { field: `value ${position}` },
      actions: ['Use BF16 for this tensor.'],
    })
  let best = { scale: 0, error: Number.POSITIVE_INFINITY }
  for (const divisor of divisors) {
    // As it will be stored.
    const scale = decodeBlocks('F16', encodeFloats('F16', Float32Array.of(furthest / divisor)))[0]!
    let error = 0
    for (const [i, value] of block.entries()) {
      const off = value - scale * (level(value, scale) - 8)
      error += (weights?.[i] ?? 1) * off * off
    }
    if (error < best.error) best = { scale, error }
  }
  return best.scale
}
