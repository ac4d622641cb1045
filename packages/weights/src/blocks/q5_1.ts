import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 24 bytes: half d, half m, 32 fifth bits, then 16 bytes of nibbles as in Q4_0. w = d·q + m */
export const decodeQ5_1: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 24, to += 32) {
    const d = halfToNumber(view.getUint16(at, true))
    const m = halfToNumber(view.getUint16(at + 2, true))
    const high = view.getUint32(at + 4, true)
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 8 + i)
      out[to + i] = d * ((byte & 15) | (((high >>> i) & 1) << 4)) + m
      out[to + 16 + i] = d * ((byte >> 4) | (((high >>> (16 + i)) & 1) << 4)) + m
    }
  }
}
