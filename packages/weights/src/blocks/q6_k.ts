import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/**
 * 210 bytes for 256 values in 16 parts: for each half of the block 64 bytes of nibbles, then for each half 32 bytes of upper two
 * bits, 16 scales of eight bits, half d. w = d·scale·(q − 32)
 */
export const decodeQ6_K: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 210, to += 256) {
    const d = halfToNumber(view.getUint16(at + 208, true))
    for (let i = 0; i < 256; i++) {
      const [half, quarter] = [i >> 7, (i >> 5) & 3]
      const low = view.getUint8(at + (half << 6) + ((quarter & 1) << 5) + (i & 31)) >> ((quarter >> 1) << 2)
      const high = view.getUint8(at + 128 + (half << 5) + (i & 31)) >> (quarter << 1)
      out[to + i] = Math.fround(d * view.getInt8(at + 192 + (i >> 4))) * (((low & 15) | ((high & 3) << 4)) - 32)
    }
  }
}
