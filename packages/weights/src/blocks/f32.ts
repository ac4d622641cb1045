import type { BlockDecoder } from './decoder.js'

/** Four bytes, little-endian IEEE single precision. */
export const decodeF32: BlockDecoder = (view, at, count, out, to) => {
  for (let i = 0; i < count; i++) out[to + i] = view.getFloat32(at + i * 4, true)
}
