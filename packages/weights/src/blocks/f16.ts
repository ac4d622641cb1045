import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

/** Two bytes, little-endian IEEE half precision. */
export const decodeF16: BlockDecoder = (view, at, count, out, to) => {
  for (let i = 0; i < count; i++) out[to + i] = halfToNumber(view.getUint16(at + i * 2, true))
}
