import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/**
 * 84 bytes for 256 values in 16 parts: 16 bytes of scale and offset nibbles, 64 bytes of two-bit levels, half d, half m.
 * w = d·scale·q − m·offset
 */
export const decodeQ2_K: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 84, to += 256) {
    const d = halfToNumber(view.getUint16(at + 80, true))
    const m = halfToNumber(view.getUint16(at + 82, true))
    for (let i = 0; i < 256; i++) {
      const scales = view.getUint8(at + (i >> 4))
      const q = (view.getUint8(at + 16 + ((i >> 7) << 5) + (i & 31)) >> (((i >> 5) & 3) << 1)) & 3
      out[to + i] = Math.fround(d * (scales & 15)) * q - Math.fround(m * (scales >> 4))
    }
  }
}
