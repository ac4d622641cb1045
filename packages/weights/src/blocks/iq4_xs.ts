import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { iq4Values } from './iq4-values.js'

/**
 * 136 bytes for 256 values in 8 parts: half d, the upper 2 bits of 8 scales, their lower 4 bits, then 16 bytes of nibbles for each
 * part. w = d·(scale − 32)·value[q]
 */
export const decodeIQ4_XS: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 136, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    const high = view.getUint16(at + 2, true)
    const low = view.getUint32(at + 4, true)
    for (let part = 0; part < 8; part++) {
      const scale = ((low >>> (4 * part)) & 15) | (((high >> (2 * part)) & 3) << 4)
      const ds = Math.fround(d * (scale - 32))
      for (let i = 0; i < 16; i++) {
        const byte = view.getUint8(at + 8 + 16 * part + i)
        out[to + 32 * part + i] = ds * iq4Values[byte & 15]!
        out[to + 32 * part + 16 + i] = ds * iq4Values[byte >> 4]!
      }
    }
  }
}
