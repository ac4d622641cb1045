import type { BlockDecoder } from './decoder.js'

/** The upper two bytes of a single-precision number. */
export const decodeBF16: BlockDecoder = (view, at, count, out, to) => {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length)
  for (let i = 0; i < count; i++) bits[to + i] = view.getUint16(at + i * 2, true) << 16
}
