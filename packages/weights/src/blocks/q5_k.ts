import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { sixBitScale } from './six-bit-scales.js'

/** 176 bytes for 256 values: as Q4_K, with 32 bytes of fifth bits, bit p for part p, before the nibbles. w = d·scale·q − m·offset */
export const decodeQ5_K: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 176, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    const m = halfToNumber(view.getUint16(at + 2, true))
    for (let part = 0; part < 8; part++) {
      const { scale, offset } = sixBitScale(view, at + 4, part)
      const [ds, mo] = [Math.fround(d * scale), Math.fround(m * offset)]
      for (let i = 0; i < 32; i++) {
        const low = (view.getUint8(at + 48 + ((part >> 1) << 5) + i) >> ((part & 1) << 2)) & 15
        const q = low | (((view.getUint8(at + 16 + i) >> part) & 1) << 4)
        out[to + 32 * part + i] = Math.fround(ds * q) - mo
      }
    }
  }
}
