import { halvedE4M3 } from '@qt/weights'
import { blockMethod } from '../blocks.js'
import { largest } from '../extremes.js'
import { writeFp4 } from '../fp4.js'
import { e4m3Bits } from '../fp8.js'

const f = Math.fround

/**
 * 4.5 bits a value: 4 parts of 16 as x = d·q with the q of MXFP4 and d = max|x|/6 in unsigned E4M3, at most 448: larger values than
 * 2688 are cut off. Layout: 4 × d, then 8 bytes of nibbles for each part.
 */
export const nvfp4 = blockMethod('NVFP4', (values, from, out, to) => {
  for (let part = 0; part < 4; part++) {
    const x = values.subarray(from + 16 * part, from + 16 * (part + 1))
    const d = e4m3Bits(f(Math.abs(largest(x, 0, 16)) / 6))
    out[to + part] = d
    writeFp4(x, halvedE4M3(d), out, to + 4 + 8 * part)
  }
})
