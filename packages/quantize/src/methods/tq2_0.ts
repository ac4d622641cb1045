import { kMethod, writePairs } from '../k-block.js'
import { ternaryDigits } from '../ternary.js'

/** 2.0625 bits a value: as TQ1_0, with two bits a digit, faster to read. Layout: four values 32 apart in each byte, then d. */
export const tq2_0 = kMethod('TQ2_0', ({ x, out, half }) => {
  const { d, digits } = ternaryDigits(x)
  writePairs(digits, out, 0)
  half(d, 64)
})
