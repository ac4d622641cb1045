import { blockMethod, writeHalf } from '../blocks.js'
import { refuseBeyondHalf } from '../finite.js'
import { iq4Levels, iq4Scale, iq4Weights } from '../iq4.js'
import { writeNibbles } from '../nibbles.js'

/** 4.5 bits a value: 32 values as x = d·value[q], 16 values that lie closer together near zero. Layout: as Q4_0. */
export const iq4_nl = blockMethod('IQ4_NL', (values, from, out, to, importance) => {
  const x = values.subarray(from, from + 32)
  refuseBeyondHalf('IQ4_NL', x, from)
  const d = iq4Scale(x, iq4Weights(x, importance?.subarray(from, from + 32)))
  writeHalf('IQ4_NL', d, from, out, to)
  writeNibbles(out, to + 2, iq4Levels(x, d))
})
