import { type AffineParts, aboutAverage, fitParts, settleParts, writeSixBits } from '../affine-parts.js'
import { kMethod } from '../k-block.js'

const f = Math.fround

const parts: AffineParts = {
  size: 32,
  most: 15,
  mostScale: 63,
  steps: { first: -1, step: 0.1, steps: 20 },
  weights: aboutAverage,
  spread: (squares) => f(f(2 * squares) / 256),
}

/**
 * 4.5 bits a value: 8 parts of 32 as x = d·scale·q − m·offset with q from 0 to 15, scale and offset from 0 to 63.
 * Layout: d, m, 12 bytes of scales and offsets, then for each two parts 32 bytes, the first part in the low nibbles.
 */
export const q4_k = kMethod('Q4_K', (block) => {
  const { out } = block
  const fitted = fitParts(block, parts)
  settleParts(block, parts, fitted, block.half(fitted.d, 0), block.half(fitted.m, 2))
  writeSixBits(fitted.scales, fitted.offsets, out, 4)
  fitted.levels.forEach((level, i) => {
    out[16 + ((i >> 6) << 5) + (i & 31)]! |= level << ((i >> 3) & 4)
  })
})
