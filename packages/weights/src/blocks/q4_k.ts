import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { sixBitScale } from './six-bit-scales.js'

/**
 * 144 bytes for 256 values in 8 parts: half d, half m, 12 bytes of six-bit scales and offsets, then for each two parts 32 bytes
 * of nibbles, the first part in the low ones. w = d·scale·q − m·offset
 */
export const decodeQ4_K: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 144, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    const m = halfToNumber(view.getUint16(at + 2, true))
    for (let part = 0; part < 8; part++) {
      const { scale, offset } = sixBitScale(view, at + 4, part)
      const [ds, mo] = [Math.fround(d * scale), Math.fround(m * offset)]
      for (let i = 0; i < 32; i++) {
        const q = (view.getUint8(at + 16 + ((part >> 1) << 5) + i) >> ((part & 1) << 2)) & 15
        out[to + 32 * part + i] = Math.fround(ds * q) - mo
      }
    }
  }
}
