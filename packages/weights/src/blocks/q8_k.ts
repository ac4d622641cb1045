import type { BlockDecoder } from './decoder.js'

/** 292 bytes for 256 values: float32 d, 256 bytes of levels, then sums of them that decoding does not need. w = d·q */
export const decodeQ8_K: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 292, to += 256) {
    const d = view.getFloat32(at, true)
    for (let i = 0; i < 256; i++) out[to + i] = d * view.getInt8(at + 4 + i)
  }
}
