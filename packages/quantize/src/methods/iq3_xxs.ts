import { gridIQ3_XXS } from '@qt/weights'
import { gridOf } from '../grid.js'
import { latticeMethod } from '../lattice.js'
import { packSigns } from '../lattice-signs.js'

const f = Math.fround

/**
 * 3.0625 bits a value: 8 parts of 32 as x = ±d·(scale + ½)/2·point, each 4 values one of 256 points, of 8 an even number negative.
 * Layout: d; a point for each 4 values; for each part 4 × 7 signs and a scale of 4 bits.
 */
export const iq3_xxs = latticeMethod({
  type: 'IQ3_XXS',
  grid: gridOf(gridIQ3_XXS, 3, 2),
  size: 32,
  levels: 8,
  tries: 15,
  step: 0.2,
  again: 'off-grid',
  evenSigns: true,
  allZero: f(1e-8),
  spread: 2,
  plainWeight: (_, x) => x * x,
  fudge: f(1.0125),
  clearsZeros: true,
  pack(parts, points, out) {
    parts.forEach((part, i) => {
      out.set(points(part), 2 + 8 * i)
      packSigns(part.signs, out, 66 + 4 * i)
    })
  },
  packScales(scales, out) {
    scales.forEach((scale, i) => {
      out[69 + 4 * i]! |= scale << 4
    })
  },
})
