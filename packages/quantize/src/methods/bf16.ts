import { blockMethod } from '../blocks.js'
import { tooLarge } from '../finite.js'
import { bfloat16Bits, writeU16 } from '../half.js'

/** bfloat16: the upper half of a float32, rounded to nearest even. 16 bits a value, three digits, full range. */
export const bf16 = blockMethod('BF16', (values, from, out, to) => {
  const bits = bfloat16Bits(values[from]!)
  if ((bits & 0x7f80) === 0x7f80) throw tooLarge('BF16', from, values[from]!)
  writeU16(out, to, bits)
})
