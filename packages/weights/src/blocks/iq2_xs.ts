import { evenSigns, gridIQ2_XS } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putPoint } from './lattice.js'

/**
 * 74 bytes for 256 values in 16 parts: half d; for each 8 values 9 bits of a point and 7 signs; 16 scales of 4 bits.
 * w = ±d·(scale + ½)/4·point
 */
export const decodeIQ2_XS: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 74, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let k = 0; k < 32; k++) {
      const packed = view.getUint16(at + 2 + 2 * k, true)
      const level = (view.getUint8(at + 66 + (k >> 2)) >> (2 * (k & 2))) & 15
      putPoint(gridIQ2_XS, packed & 511, evenSigns(packed >> 9), Math.fround(d * (0.5 + level)) / 4, out, to + 8 * k)
    }
  }
}
