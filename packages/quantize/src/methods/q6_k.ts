import { largest } from '../extremes.js'
import { kMethod, part, settleSymmetric } from '../k-block.js'
import { allZero, nearest } from '../search/nearest.js'
import { fitSymmetric } from '../search/symmetric.js'

const f = Math.fround

/**
 * 6.5625 bits a value: 16 parts of 16 as x = d·scale·(q − 32) with q from 0 to 63 and scale from −128 to 127.
 * Layout: for each half of the block 64 bytes of lower nibbles (values 64 apart in a byte), then for each half 32 bytes of upper
 * two bits (values 32 apart), 16 scales, d. A block of zeros is zeros.
 */
export const q6_k = kMethod('Q6_K', (block) => {
  const { x, importance, out } = block
  const levels = new Uint8Array(256)
  const found = new Float32Array(16)
  for (let j = 0; j < 16; j++) {
    const values = part(x, j, 16)
    const weights = importance ? part(importance, j, 16) : values.map((value) => value * value)
    found[j] = fitSymmetric(values, weights, 32, part(levels, j, 16))
  }
  const max = largest(found, 0, 16)
  if (Math.abs(max) < allZero) return
  const inverse = f(-128 / max)
  const d = block.half(f(1 / inverse), 208)
  found.forEach((fitted, j) => {
    const scale = Math.min(127, nearest(inverse * fitted))
    out[192 + j] = scale
    settleSymmetric(part(x, j, 16), 32, f(d * scale), part(levels, j, 16))
  })
  levels.forEach((level, i) => {
    const [half, quarter] = [i >> 7, (i >> 5) & 3]
    out[(half << 6) + ((quarter & 1) << 5) + (i & 31)]! |= (level & 15) << ((quarter >> 1) << 2)
    out[128 + (half << 5) + (i & 31)]! |= (level >> 4) << (quarter << 1)
  })
})
