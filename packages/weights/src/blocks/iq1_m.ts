import { gridIQ1 } from './codebooks.js'
import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'
import { putShifted } from './lattice.js'

/**
 * 56 bytes for 256 values in 16 parts: for each 8 values the lower 8 bits of a point; its upper 3 bits and the sign of the shift; 16
 * scales of 3 bits, whose four 16-bit words have 4 bits of half d each on top. w = d·(2·scale + 1)·(point ± ⅛)
 */
export const decodeIQ1_M: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 56, to += 256) {
    const words = [0, 1, 2, 3].map((i) => view.getUint16(at + 48 + 2 * i, true))
    const d = halfToNumber(words.reduce((bits, word, i) => bits | ((word >> 12) << (4 * i)), 0))
    for (let k = 0; k < 32; k++) {
      const high = view.getUint8(at + 32 + (k >> 1)) >> (4 * (k & 1))
      const point = view.getUint8(at + k) | ((high & 7) << 8)
      const part = k >> 1
      const scale = Math.fround(d * (2 * ((words[part >> 2]! >> (3 * (part & 3))) & 7) + 1))
      putShifted(gridIQ1, point, (high & 8) !== 0, scale, out, to + 8 * k)
    }
  }
}
