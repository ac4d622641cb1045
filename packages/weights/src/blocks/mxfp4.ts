import type { BlockDecoder } from './decoder.js'
import { e2m1Values, halvedE8M0 } from './fp4.js'

/** 17 bytes for 32 values: E8M0 scale, then nibbles as in Q4_0. w = 2^(e − 128)·value[q] */
export const decodeMXFP4: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 17, to += 32) {
    const d = halvedE8M0(view.getUint8(at))
    for (let i = 0; i < 16; i++) {
      const byte = view.getUint8(at + 1 + i)
      out[to + i] = d * e2m1Values[byte & 15]!
      out[to + 16 + i] = d * e2m1Values[byte >> 4]!
    }
  }
}
