import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 18 bytes for 64 values: half d, then two bits each, the lowest of a byte first. w = d·(q − 1) */
export const decodeQ2_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 18, to += 64) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let i = 0; i < 64; i++) out[to + i] = d * (((view.getUint8(at + 2 + (i >> 2)) >> (2 * (i & 3))) & 3) - 1)
  }
}
