import { blockMethod, inverse, writeHalf } from '../blocks.js'
import { largest } from '../extremes.js'
import { writeFiveBits } from '../five-bits.js'

/**
 * 5.5 bits a value: 32 values as x = d·(q − 16) with q from 0 to 31; d = the value of largest magnitude / −16 in float16.
 * Layout: d, 32 fifth bits, then 16 bytes of nibbles as in Q4_0.
 */
export const q5_0 = blockMethod('Q5_0', (values, from, out, to) => {
  const d = Math.fround(largest(values, from, 32) / -16)
  const id = inverse(d)
  writeHalf('Q5_0', d, from, out, to)
  writeFiveBits(out, to + 2, (i) => Math.min(31, Math.trunc(Math.fround(Math.fround(values[from + i]! * id) + 16.5))))
})
