import { gridIQ1 } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putShifted } from './lattice.js'

/**
 * 50 bytes for 256 values in 8 parts: half d; for each 8 values the lower 8 bits of a point; for each part 4 × its upper 3 bits, a
 * scale of 3 bits and the sign of the shift. w = d·(2·scale + 1)·(point ± ⅛)
 */
export const decodeIQ1_S: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 50, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let k = 0; k < 32; k++) {
      const packed = view.getUint16(at + 34 + 2 * (k >> 2), true)
      const point = view.getUint8(at + 2 + k) | (((packed >> (3 * (k & 3))) & 7) << 8)
      const scale = Math.fround(d * (2 * ((packed >> 12) & 7) + 1))
      putShifted(gridIQ1, point, packed >> 15 === 1, scale, out, to + 8 * k)
    }
  }
}
