import { rowWeights, symmetricLevels } from '../block32.js'
import { blockMethod, writeHalf } from '../blocks.js'
import { writeFiveBits } from '../five-bits.js'

/**
 * 5.5 bits a value: 32 values as x = d·(q − 16) with q from 0 to 31; d = the value of largest magnitude / −16 in float16,
 * unless importance asks for another.
 * Layout: d, 32 fifth bits, then 16 bytes of nibbles as in Q4_0.
 */
export const q5_0 = blockMethod('Q5_0', encode, rowWeights)

function encode(values: Float32Array, from: number, out: Uint8Array, to: number, weights: Float32Array | undefined): void {
  const { d, levels } = symmetricLevels(values, from, 16, weights)
  writeHalf('Q5_0', d, from, out, to)
  writeFiveBits(out, to + 2, levels)
}
