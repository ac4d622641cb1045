import { gridIQ3_S } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putPoint } from './lattice.js'

/**
 * 110 bytes for 256 values in 8 parts: half d; for each 4 values the lower 8 bits of a point; its ninth bits; signs; 8 scales of
 * 4 bits. w = ±d·(2·scale + 1)·point
 */
export const decodeIQ3_S: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 110, to += 256) {
    const d = halfToNumber(view.getUint16(at, true))
    for (let k = 0; k < 64; k++) {
      const part = k >> 3
      const point = view.getUint8(at + 2 + k) | (((view.getUint8(at + 66 + part) >> (k & 7)) & 1) << 8)
      const signs = view.getUint8(at + 74 + (k >> 1)) >> (4 * (k & 1))
      const level = (view.getUint8(at + 106 + (part >> 1)) >> (4 * (part & 1))) & 15
      putPoint(gridIQ3_S, point, signs, Math.fround(d * (1 + 2 * level)), out, to + 4 * k)
    }
  }
}
