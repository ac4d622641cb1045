import { evenSigns, gridIQ2_XXS } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putPoint } from './lattice.js'

/**
 * 66 bytes for 256 values in 8 parts: half d; for each part 4 points of 8 values, then 4 × 7 signs and a scale of 4 bits.
 * w = ±d·(scale + ½)/4·point
 */
export const decodeIQ2_XXS: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 66, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let part = 0; part < 8; part++) {
      const from = at + 2 + 8 * part
      const packed = view.getUint32(from + 4, true)
      const scale = Math.fround(d * (0.5 + (packed >>> 28))) / 4
      for (let k = 0; k < 4; k++)
        putPoint(gridIQ2_XXS, view.getUint8(from + k), evenSigns(packed >>> (7 * k)), scale, out, to + 32 * part + 8 * k)
    }
  }
}
