import { gridIQ3_S } from '@qt/weights'
import { gridOf } from '../grid.js'
import { latticeMethod } from '../lattice.js'

const f = Math.fround

/**
 * 3.4375 bits a value: 8 parts of 32 as x = ±d·(2·scale + 1)·point, each 4 values one of 512 points.
 * Layout: d; for each 4 values the lower 8 bits of a point; its ninth bits; signs; 8 scales of 4 bits. As in ggml-quants.c, a part
 * of zeros takes no place among points and signs: those after it move up, their scales and ninth bits do not.
 */
export const iq3_s = latticeMethod({
  type: 'IQ3_S',
  grid: gridOf(gridIQ3_S, 3, 3),
  size: 32,
  levels: 8,
  tries: 9,
  step: 0.2,
  again: 'all',
  evenSigns: false,
  allZero: 0,
  spread: 2,
  plainWeight: (_, x) => x * x,
  fudge: f(1.033),
  clearsZeros: false,
  pack(parts, points, out) {
    let place = 0
    parts.forEach((part, i) => {
      if (!part.stored) return
      points(part).forEach((point, k) => {
        out[2 + 8 * place + k] = point
        out[66 + i]! |= (point >> 8) << k
      })
      out.set(part.signs, 74 + 4 * place)
      place++
    })
  },
  packScales(scales, out) {
    scales.forEach((scale, i) => {
      out[106 + (i >> 1)]! |= scale << (4 * (i & 1))
    })
  },
})
