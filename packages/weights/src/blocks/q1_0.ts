import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 18 bytes for 128 values: half d, then a bit each, bit 0 of a byte first. w = d where it is set, else −d */
export const decodeQ1_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 18, to += 128) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let i = 0; i < 128; i++) out[to + i] = (view.getUint8(at + 2 + (i >> 3)) >> (i & 7)) & 1 ? d : -d
  }
}
