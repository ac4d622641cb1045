import { type AffineParts, aboutAverage, fitParts, settleParts, writeSixBits } from '../affine-parts.js'
import { kMethod } from '../k-block.js'

const f = Math.fround

const parts: AffineParts = {
  size: 32,
  most: 31,
  mostScale: 63,
  steps: { first: -0.5, step: 0.1, steps: 15 },
  weights: aboutAverage,
  spread: (squares) => f(f(2 * squares) / 256),
}

/**
 * 5.5 bits a value: 8 parts of 32 as x = d·scale·q − m·offset with q from 0 to 31, scale and offset from 0 to 63.
 * Layout: as Q4_K, with 32 bytes of fifth bits (bit i / 32 of byte i % 32) before the nibbles.
 */
export const q5_k = kMethod('Q5_K', (block) => {
  const { out } = block
  const fitted = fitParts(block, parts)
  settleParts(block, parts, fitted, block.half(fitted.d, 0), block.half(fitted.m, 2))
  writeSixBits(fitted.scales, fitted.offsets, out, 4)
  fitted.levels.forEach((level, i) => {
    out[16 + (i & 31)]! |= (level >> 4) << (i >> 5)
    out[48 + ((i >> 6) << 5) + (i & 31)]! |= (level & 15) << ((i >> 3) & 4)
  })
})
