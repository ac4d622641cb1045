import { affineLevels, rowWeights } from '../block32.js'
import { blockMethod, writeHalf } from '../blocks.js'
import { writeNibbles } from '../nibbles.js'

/**
 * 5 bits a value: 32 values as x = d·q + m with q from 0 to 15; m = min and d = (max − min) / 15 in float16, unless
 * importance asks for others.
 * Layout: d, m, then 16 bytes of nibbles as in Q4_0.
 */
export const q4_1 = blockMethod('Q4_1', encode, rowWeights)

function encode(values: Float32Array, from: number, out: Uint8Array, to: number, weights: Float32Array | undefined): void {
  const { d, m, levels } = affineLevels(values, from, 15, weights)
  writeHalf('Q4_1', d, from, out, to)
  writeHalf('Q4_1', m, from, out, to + 2)
  writeNibbles(out, to + 4, levels)
}
