import { gridIQ2_S } from '@qt/weights'
import { gridOf } from '../grid.js'
import { latticeMethod } from '../lattice.js'

const f = Math.fround

/**
 * 2.5625 bits a value: 16 parts of 16 as x = ±d·(scale + ½)/4·point, each 8 values one of 1024 points.
 * Layout: d; for each 8 values the lower 8 bits of a point; 8 signs; its upper 2 bits; 16 scales of 4 bits.
 */
export const iq2_s = latticeMethod({
  type: 'IQ2_S',
  grid: gridOf(gridIQ2_S, 2, 1),
  size: 16,
  levels: 3,
  tries: 9,
  step: 0.1,
  again: 'off-grid',
  evenSigns: false,
  allZero: f(1e-8),
  spread: 2,
  plainWeight: (mean, x) => f(0.25 * mean) + f(x * x),
  fudge: f(0.9875),
  clearsZeros: false,
  pack(parts, points, out) {
    parts.forEach((part, i) => {
      points(part).forEach((point, k) => {
        const group = 2 * i + k
        out[2 + group] = point
        out[34 + group] = part.signs[k]!
        out[66 + (group >> 2)]! |= (point >> 8) << (2 * (group & 3))
      })
    })
  },
  packScales(scales, out) {
    scales.forEach((scale, i) => {
      out[74 + (i >> 1)]! |= scale << (4 * (i & 1))
    })
  },
})
