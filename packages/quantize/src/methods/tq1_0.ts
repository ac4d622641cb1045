import { kMethod } from '../k-block.js'
import { ternaryDigits } from '../ternary.js'

/**
 * 1.6875 bits a value: 256 values as x = d·(digit − 1) with digits 0, 1, 2 and d = max|x| in float16, for models trained so.
 * Layout: five digits in a byte as a fraction of 3⁵, ⌈256·n / 243⌉, from values 32 apart (16 apart from 160 on, and the last 16
 * values four to a byte), then d.
 */
export const tq1_0 = kMethod('TQ1_0', ({ x, out, half }) => {
  const { d, digits } = ternaryDigits(x)
  const put = (to: number, bytes: number, count: number, first: number) => {
    for (let i = 0; i < bytes; i++) {
      let number = 0
      for (let k = 0; k < 5; k++) number = number * 3 + (k < count ? digits[first + bytes * k + i]! : 0)
      out[to + i] = Math.ceil((number * 256) / 243)
    }
  }
  put(0, 32, 5, 0)
  put(32, 16, 5, 160)
  put(48, 4, 4, 240)
  half(d, 52)
})
