import { blockMethod, writeHalf } from '../blocks.js'

/** float16: 1 sign, 5 exponent, 10 fraction bits, rounded to nearest even. 16 bits a value, at most 65504. */
export const f16 = blockMethod('F16', (values, from, out, to) => writeHalf('F16', values[from]!, from, out, to))
