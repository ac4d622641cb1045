import { gridIQ2_XXS } from '@qt/weights'
import { gridOf } from '../grid.js'
import { latticeMethod } from '../lattice.js'
import { packSigns } from '../lattice-signs.js'

const f = Math.fround

/**
 * 2.0625 bits a value: 8 parts of 32 as x = ±d·(scale + ½)/4·point, each 8 values one of 256 points, an even number of them negative.
 * Layout: d; for each part 4 points, then 4 × 7 signs and a scale of 4 bits. Made for importance; without it every value counts 1.
 */
export const iq2_xxs = latticeMethod({
  type: 'IQ2_XXS',
  grid: gridOf(gridIQ2_XXS, 2, 2),
  size: 32,
  levels: 3,
  tries: 6,
  step: 0.1,
  startsFitted: true,
  again: 'always',
  evenSigns: true,
  allZero: f(1e-15),
  spread: 1,
  plainWeight: (mean, x) => Math.sqrt(f(mean + f(x * x))),
  fudge: 1,
  clearsZeros: true,
  pack(parts, points, out) {
    parts.forEach((part, i) => {
      out.set(points(part), 2 + 8 * i)
      packSigns(part.signs, out, 6 + 8 * i)
    })
  },
  packScales(scales, out) {
    scales.forEach((scale, i) => {
      out[9 + 8 * i]! |= scale << 4
    })
  },
})
