import { halvedE8M0 } from '@qt/weights'
import { blockMethod } from '../blocks.js'
import { largest } from '../extremes.js'
import { writeFp4 } from '../fp4.js'
import { exponentFor } from '../fp8.js'

/**
 * 4.25 bits a value: 32 values as x = 2^(e − 127)·q with q one of 0, ½, 1, 1½, 2, 3, 4, 6 and their negatives.
 * Layout: e, then nibbles as in Q4_0. https://www.opencompute.org/documents/ocp-microscaling-formats-mx-v1-0-spec-final-pdf
 */
export const mxfp4 = blockMethod('MXFP4', (values, from, out, to) => {
  const x = values.subarray(from, from + 32)
  const exponent = exponentFor(Math.abs(largest(x, 0, 32)))
  out[to] = exponent
  writeFp4(x, halvedE8M0(exponent), out, to + 1)
})
