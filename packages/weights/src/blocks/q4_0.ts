import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 18 bytes: half d, then 16 bytes whose low nibbles are values 0–15 and high nibbles 16–31. w = d·(q − 8) */
export const decodeQ4_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 18, to += 32) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 2 + i)
      out[to + i] = d * ((byte & 15) - 8)
      out[to + 16 + i] = d * ((byte >> 4) - 8)
    }
  }
}
