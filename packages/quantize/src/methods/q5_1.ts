import { blockMethod, inverse, writeHalf } from '../blocks.js'
import { range } from '../extremes.js'
import { writeFiveBits } from '../five-bits.js'

/**
 * 6 bits a value: 32 values as x = d·q + m with q from 0 to 31, m = min and d = (max − min) / 31 in float16.
 * Layout: d, m, 32 fifth bits, then 16 bytes of nibbles as in Q4_0.
 */
export const q5_1 = blockMethod('Q5_1', (values, from, out, to) => {
  const { min, max } = range(values, from, 32)
  const d = Math.fround(Math.fround(max - min) / 31)
  const id = inverse(d)
  writeHalf('Q5_1', d, from, out, to)
  writeHalf('Q5_1', min, from, out, to + 2)
  writeFiveBits(out, to + 4, (i) => Math.trunc(Math.fround(Math.fround(Math.fround(values[from + i]! - min) * id) + 0.5)))
})
