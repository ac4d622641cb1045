import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 20 bytes: half d, half m, then 16 bytes of nibbles as in Q4_0. w = d·q + m, each operation rounded to float32 */
export const decodeQ4_1: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 20, to += 32) {
    const d = halfToNumber(view.getUint16(at, true))
    const m = halfToNumber(view.getUint16(at + 2, true))
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 4 + i)
      out[to + i] = d * (byte & 15) + m
      out[to + 16 + i] = d * (byte >> 4) + m
    }
  }
}
