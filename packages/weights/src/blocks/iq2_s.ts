import { gridIQ2_S } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putPoint } from './lattice.js'

/**
 * 82 bytes for 256 values in 16 parts: half d; for each 8 values the lower 8 bits of a point; 8 signs; its upper 2 bits; 16 scales
 * of 4 bits. w = ±d·(scale + ½)/4·point
 */
export const decodeIQ2_S: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 82, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let k = 0; k < 32; k++) {
      const high = (view.getUint8(at + 66 + (k >> 2)) >> (2 * (k & 3))) & 3
      const level = (view.getUint8(at + 74 + (k >> 2)) >> (2 * (k & 2))) & 15
      const point = view.getUint8(at + 2 + k) | (high << 8)
      putPoint(gridIQ2_S, point, view.getUint8(at + 34 + k), Math.fround(d * (0.5 + level)) / 4, out, to + 8 * k)
    }
  }
}
