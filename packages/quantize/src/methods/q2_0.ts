import { blockMethod, writeHalf } from '../blocks.js'
import { ternaryDigits } from '../ternary.js'

/**
 * 2.25 bits a value, for models trained so: 64 values as x = d·(q − 1) with q from 0 to 2 and d = max|x| in float16. Layout: d, then two
 * bits each, lowest first.
 */
export const q2_0 = blockMethod('Q2_0', (values, from, out, to) => {
  const { d, digits } = ternaryDigits(values.subarray(from, from + 64))
  writeHalf('Q2_0', d, from, out, to)
  digits.forEach((digit, i) => {
    out[to + 2 + (i >> 2)]! |= digit << (2 * (i & 3))
  })
})
