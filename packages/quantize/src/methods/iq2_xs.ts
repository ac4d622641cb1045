import { gridIQ2_XS } from '@qt/weights'
import { gridOf } from '../grid.js'
import { writeU16 } from '../half.js'
import { latticeMethod } from '../lattice.js'

const f = Math.fround

/**
 * 2.3125 bits a value: 16 parts of 16 as x = ±d·(scale + ½)/4·point, each 8 values one of 512 points, an even number of them negative.
 * Layout: d; for each 8 values 9 bits of a point and 7 signs; 16 scales of 4 bits. Made for importance; without it every value counts 1.
 */
export const iq2_xs = latticeMethod({
  type: 'IQ2_XS',
  grid: gridOf(gridIQ2_XS, 2, 2),
  size: 16,
  levels: 3,
  tries: 9,
  step: 0.1,
  again: 'off-grid',
  evenSigns: true,
  allZero: f(1e-15),
  spread: 1,
  plainWeight: (mean, x) => Math.sqrt(f(mean + f(x * x))),
  fudge: 1,
  clearsZeros: true,
  pack(parts, points, out) {
    parts.forEach((part, i) => {
      points(part).forEach((point, k) => {
        writeU16(out, 2 + 4 * i + 2 * k, point | ((part.signs[k]! & 127) << 9))
      })
    })
  },
  packScales(scales, out) {
    scales.forEach((scale, i) => {
      out[66 + (i >> 1)]! |= scale << (4 * (i & 1))
    })
  },
})
