import { blockMethod, inverse, writeHalf } from '../blocks.js'
import { range } from '../extremes.js'

/**
 * 5 bits a value: 32 values as x = d·q + m with q from 0 to 15, m = min and d = (max − min) / 15 in float16.
 * Layout: d, m, then 16 bytes of nibbles as in Q4_0.
 */
export const q4_1 = blockMethod('Q4_1', (values, from, out, to) => {
  const { min, max } = range(values, from, 32)
  const d = Math.fround(Math.fround(max - min) / 15)
  const id = inverse(d)
  const level = (value: number) => Math.min(15, Math.trunc(Math.fround(Math.fround(Math.fround(value - min) * id) + 0.5)))
  writeHalf('Q4_1', d, from, out, to)
  writeHalf('Q4_1', min, from, out, to + 2)
  for (let i = 0; i < 16; i++) out[to + 4 + i] = level(values[from + i]!) | (level(values[from + 16 + i]!) << 4)
})
