import type { BlockDecoder } from './decoder.js'
import { e2m1Values, halvedE4M3 } from './fp4.js'

/** 36 bytes for 64 values in 4 parts: 4 unsigned E4M3 scales, then 8 bytes of nibbles for each part. w = d/2·value[q] */
export const decodeNVFP4: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 36, to += 64)
    for (let part = 0; part < 4; part++) {
      const d = halvedE4M3(view.getUint8(at + part))
      for (let i = 0; i < 8; i++) {
        const byte = view.getUint8(at + 4 + 8 * part + i)
        out[to + 16 * part + i] = d * e2m1Values[byte & 15]!
        out[to + 16 * part + 8 + i] = d * e2m1Values[byte >> 4]!
      }
    }
}
