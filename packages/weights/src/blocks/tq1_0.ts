import type { BlockDecoder } from './decoder.js'
import { halfToNumber } from './half.js'

const powers = [1, 3, 9, 27, 81] as const

/** Where each byte's five (or four) digits go: [first byte, bytes, digits, first value]. */
const runs = [
  [0, 32, 5, 0],
  [32, 16, 5, 160],
  [48, 4, 4, 240],
] as const

/**
 * 54 bytes for 256 values: 52 bytes of five ternary digits, stored as ⌈256·n / 243⌉ so that multiplying by 3ᵏ moves digit k to the
 * top, then half d. w = d·(digit − 1)
 */
export const decodeTQ1_0: BlockDecoder = (view, at, count, out, to) => {
  for (let block = 0; block < count; block++, at += 54, to += 256) {
    const d = halfToNumber(view.getUint16(at + 52, true))
    for (const [from, bytes, digits, first] of runs)
      for (let k = 0; k < digits; k++)
        for (let i = 0; i < bytes; i++) {
          const rest = (view.getUint8(at + from + i) * powers[k]!) & 255
          out[to + first + bytes * k + i] = d * (((rest * 3) >> 8) - 1)
        }
  }
}
