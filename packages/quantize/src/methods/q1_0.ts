import { blockMethod, writeHalf } from '../blocks.js'

/**
 * 1.125 bits a value, for models trained so: 128 values as x = ±d, d = Σ|x| / 128 in float16. Layout: d, then a bit each, lowest first,
 * set where x is not negative.
 */
export const q1_0 = blockMethod('Q1_0', (values, from, out, to) => {
  let sum = 0
  for (let i = 0; i < 128; i++) {
    const value = values[from + i]!
    sum = Math.fround(sum + Math.abs(value))
    if (value >= 0) out[to + 2 + (i >> 3)]! |= 1 << (i & 7)
  }
  writeHalf('Q1_0', Math.fround(sum / 128), from, out, to)
})
