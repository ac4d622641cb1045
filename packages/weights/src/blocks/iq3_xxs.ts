import { evenSigns, gridIQ3_XXS } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putPoint } from './lattice.js'

/**
 * 98 bytes for 256 values in 8 parts: half d; a point for each 4 values; for each part 4 × 7 signs and a scale of 4 bits.
 * w = ±d·(scale + ½)/2·point
 */
export const decodeIQ3_XXS: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 98, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let part = 0; part < 8; part++) {
      const packed = view.getUint32(at + 66 + 4 * part, true)
      const scale = Math.fround(d * (0.5 + (packed >>> 28))) / 2
      for (let k = 0; k < 8; k++) {
        const signs = evenSigns(packed >>> (7 * (k >> 1))) >> (4 * (k & 1))
        putPoint(gridIQ3_XXS, view.getUint8(at + 2 + 8 * part + k), signs, scale, out, to + 32 * part + 4 * k)
      }
    }
  }
}
