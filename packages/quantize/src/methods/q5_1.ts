import { affineLevels, rowWeights } from '../block32.js'
import { blockMethod, writeHalf } from '../blocks.js'
import { writeFiveBits } from '../five-bits.js'

/**
 * 6 bits a value: 32 values as x = d·q + m with q from 0 to 31; m = min and d = (max − min) / 31 in float16, unless
 * importance asks for others.
 * Layout: d, m, 32 fifth bits, then 16 bytes of nibbles as in Q4_0.
 */
export const q5_1 = blockMethod('Q5_1', encode, rowWeights)

function encode(values: Float32Array, from: number, out: Uint8Array, to: number, weights: Float32Array | undefined): void {
  const { d, m, levels } = affineLevels(values, from, 31, weights)
  writeHalf('Q5_1', d, from, out, to)
  writeHalf('Q5_1', m, from, out, to + 2)
  writeFiveBits(out, to + 4, levels)
}
