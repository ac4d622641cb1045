import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/**
 * 110 bytes for 256 values in 16 parts: 32 bytes of third bits, 64 bytes of two-bit levels, 12 bytes of six-bit scales, half d.
 * w = d·(scale − 32)·(q − 4)
 */
export const decodeQ3_K: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 110, to += 256) {
    const d = halfToNumber(view.getUint16(at + 108, true))
    for (let i = 0; i < 256; i++) {
      const part = i >> 4
      const low = (view.getUint8(at + 96 + (part & 7)) >> (part < 8 ? 0 : 4)) & 15
      const high = (view.getUint8(at + 104 + (part & 3)) >> ((part >> 2) << 1)) & 3
      const third = (view.getUint8(at + (i & 31)) >> (i >> 5)) & 1
      const q = (view.getUint8(at + 32 + ((i >> 7) << 5) + (i & 31)) >> (((i >> 5) & 3) << 1)) & 3
      out[to + i] = Math.fround(d * ((low | (high << 4)) - 32)) * ((q | (third << 2)) - 4)
    }
  }
}
