import { blockMethod, inverse, writeHalf } from '../blocks.js'
import { largest } from '../extremes.js'

/**
 * 4.5 bits a value: 32 values as x = d·(q − 8) with q from 0 to 15. The value of largest magnitude gets q = 0, so
 * d = that value / −8 in float16, negative when it is positive.
 * Layout: d, then 16 bytes; value i in the low nibble of byte i, value i + 16 in the high one.
 */
export const q4_0 = blockMethod('Q4_0', (values, from, out, to) => {
  const d = Math.fround(largest(values, from, 32) / -8)
  const id = inverse(d)
  const level = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(value * id) + 8.5)))
  writeHalf('Q4_0', d, from, out, to)
  for (let i = 0; i < 16; i++) out[to + 2 + i] = level(values[from + i]!) | (level(values[from + 16 + i]!) << 4)
})
