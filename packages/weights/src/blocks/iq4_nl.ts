import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { iq4Values } from './iq4-values.js'

/** 18 bytes for 32 values: half d, then nibbles as in Q4_0. w = d·value[q] */
export const decodeIQ4_NL: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 18, to += 32) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 2 + i)
      out[to + i] = d * iq4Values[byte & 15]!
      out[to + 16 + i] = d * iq4Values[byte >> 4]!
    }
  }
}
