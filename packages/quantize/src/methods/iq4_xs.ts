import { largest } from '../extremes.js'
import { writeU16 } from '../half.js'
import { iq4Levels, iq4Scale, iq4Weights } from '../iq4.js'
import { kMethod, part } from '../k-block.js'
import { writeNibbles } from '../nibbles.js'
import { clamp, nearest } from '../search/nearest.js'

const f = Math.fround

/**
 * 4.25 bits a value: 8 parts of 32 as x = d·scale·value[q] with the values of IQ4_NL and scale from −32 to 31.
 * Layout: d, the upper 2 bits of 8 scales, their lower 4 bits, then 16 bytes of nibbles for each part.
 */
export const iq4_xs = kMethod('IQ4_XS', ({ x, importance, out, half }) => {
  const weights = iq4Weights(x, importance)
  const found = new Float32Array(8)
  for (let j = 0; j < 8; j++) {
    found[j] = iq4Scale(part(x, j, 32), part(weights, j, 32))
    if (!Number.isFinite(found[j])) half(found[j]!, 0)
  }
  const d = f(-largest(found, 0, 8) / 32)
  const inverse = d === 0 ? 0 : f(1 / d)
  let high = 0
  found.forEach((fitted, j) => {
    const scale = clamp(-32, 31, nearest(f(inverse * fitted)))
    writeNibbles(out, 8 + 16 * j, iq4Levels(part(x, j, 32), f(d * scale)))
    out[4 + (j >> 1)]! |= ((scale + 32) & 15) << (4 * (j & 1))
    high |= ((scale + 32) >> 4) << (2 * j)
  })
  half(d, 0)
  writeU16(out, 2, high)
})
