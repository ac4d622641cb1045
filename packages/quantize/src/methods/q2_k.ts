import { type AffineParts, fitParts, settleParts } from '../affine-parts.js'
import { kMethod, writePairs } from '../k-block.js'

const parts: AffineParts = {
  size: 16,
  most: 3,
  mostScale: 15,
  steps: { first: -0.5, step: 0.1, steps: 15, absolute: true },
  weights: (x) => x.map(Math.abs),
  spread: (squares) => Math.fround(squares / 256),
}

/**
 * 2.625 bits a value: 16 parts of 16 as x = d·scale·q − m·offset with q from 0 to 3, scale and offset from 0 to 15.
 * Layout: 16 bytes with scale and offset in nibbles, 64 bytes of levels (four values 32 apart in a byte), d, m.
 */
export const q2_k = kMethod('Q2_K', (block) => {
  const fitted = fitParts(block, parts)
  fitted.scales.forEach((scale, j) => {
    block.out[j] = scale | (fitted.offsets[j]! << 4)
  })
  settleParts(block, parts, fitted, block.half(fitted.d, 80), block.half(fitted.m, 82))
  writePairs(fitted.levels, block.out, 16)
})
