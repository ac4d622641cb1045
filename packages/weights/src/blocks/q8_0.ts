import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** 34 bytes: half d, then 32 signed bytes. w = d·q */
export const decodeQ8_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 34, to += 32) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let i = 0; i < 32; i++) out[to + i] = d * view.getInt8(at + 2 + i)
  }
}
