import { rowWeights, symmetricLevels } from '../block32.js'
import { blockMethod, writeHalf } from '../blocks.js'
import { writeNibbles } from '../nibbles.js'

/**
 * 4.5 bits a value: 32 values as x = d·(q − 8) with q from 0 to 15, d in float16. Without importance the value of largest
 * magnitude gets q = 0, so d is that value / −8, negative when it is positive.
 * Layout: d, then 16 bytes; value i in the low nibble of byte i, value i + 16 in the high one.
 */
export const q4_0 = blockMethod('Q4_0', encode, rowWeights)

function encode(values: Float32Array, from: number, out: Uint8Array, to: number, weights: Float32Array | undefined): void {
  const { d, levels } = symmetricLevels(values, from, 8, weights)
  writeHalf('Q4_0', d, from, out, to)
  writeNibbles(out, to + 2, levels)
}
