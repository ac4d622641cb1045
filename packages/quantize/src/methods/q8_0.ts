import { blockMethod, inverse, writeHalf } from '../blocks.js'
import { largest } from '../extremes.js'

/** Half away from zero, as C's roundf: Math.round would take −2.5 to −2. */
const roundAway = (value: number): number => Math.sign(value) * Math.floor(Math.abs(value) + 0.5)

/**
 * 8.5 bits a value: 32 values as x = d·q with q from −127 to 127 and d = max|x| / 127 in float16.
 * Layout: d, then 32 signed bytes.
 */
export const q8_0 = blockMethod('Q8_0', (values, from, out, to) => {
  const d = Math.fround(Math.abs(largest(values, from, 32)) / 127)
  const id = inverse(d)
  writeHalf('Q8_0', d, from, out, to)
  for (let i = 0; i < 32; i++) out[to + 2 + i] = roundAway(Math.fround(values[from + i]! * id))
})
