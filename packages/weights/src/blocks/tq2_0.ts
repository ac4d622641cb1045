import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 66 bytes for 256 values: two bits each, four values 32 apart in a byte, then half d. w = d·(q − 1) */
export const decodeTQ2_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 66, to += 256) {
    const d = halfToNumber(view.getUint16(at + 64, true))
    for (let i = 0; i < 256; i++) {
      const byte = view.getUint8(at + ((i >> 7) << 5) + (i & 31))
      out[to + i] = d * (((byte >> (2 * ((i >> 5) & 3))) & 3) - 1)
    }
  }
}
