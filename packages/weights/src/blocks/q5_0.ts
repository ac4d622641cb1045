import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 22 bytes: half d, 32 fifth bits, then 16 bytes of nibbles as in Q4_0. w = d·(q − 16) */
export const decodeQ5_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 22, to += 32) {
    const d = halfToNumber(view.getUint16(at, true))
    const high = view.getUint32(at + 2, true)
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 6 + i)
      out[to + i] = d * (((byte & 15) | (((high >>> i) & 1) << 4)) - 16)
      out[to + 16 + i] = d * (((byte >> 4) | (((high >>> (16 + i)) & 1) << 4)) - 16)
    }
  }
}
