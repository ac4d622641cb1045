import { gridIQ1 } from '@qt/weights'
import { gridOf } from './grid.js'

const f = Math.fround

export const iq1Grid = gridOf(gridIQ1, 2, 3)

/** What levels 0, 1, 2 stand for: −1, 0, 1 shifted up or down by ⅛. */
export type Shifted = readonly [number, number, number]
export const shiftedUp: Shifted = [-0.875, 0.125, 1.125]
export const shiftedDown: Shifted = [-1.125, -0.125, 0.875]

/**
 * Where the sorted values are cut into levels: those before `first` are of level 0, those before `second` of level 1. `shift` is the
 * index of a pattern of shifts; the last pattern is the opposite of the first, and so on.
 */
export interface Cut {
  readonly first: number
  readonly second: number
  readonly shift: number
  readonly scale: number
}

/** A part of 16 or 32 values: x = scale·(level ± ⅛), each eight levels a point. */
export interface Part {
  readonly scale: number
  readonly shift: number
  readonly codes: readonly number[]
}

/** Takes the cuts one after the other and keeps the one that explains most of Σwx², (Σwqx)²/Σwq², of equals the first. */
export function bestOf(sums: Iterable<{ cut: Omit<Cut, 'scale'>; lx: number; l2: number }>): Cut | undefined {
  let best: Cut | undefined
  let score = -3.4028234663852886e38
  for (const { cut, lx, l2 } of sums) {
    if (!(l2 > 0 && f(lx * lx) > f(score * l2))) continue
    best = { ...cut, scale: f(lx / l2) }
    score = f(best.scale * lx)
  }
  return best
}

/** Positions of the values in ascending order, equal ones as they come. */
export const sortedOrder = (x: Float32Array): number[] => Array.from(x, (_, i) => i).sort((a, b) => x[a]! - x[b]!)

/** Levels of a cut, moved to the grid. `patterns[shift][k]` is what the levels of the k-th eight values stand for. */
export function fitCut(
  x: Float32Array,
  weights: Float32Array,
  order: readonly number[],
  cut: Cut,
  patterns: readonly (readonly Shifted[])[],
): Part {
  const levels = new Uint8Array(x.length)
  order.forEach((i, j) => {
    levels[i] = j < cut.first ? 0 : j < cut.second ? 1 : 2
  })
  let { scale, shift } = cut
  if (scale < 0) {
    levels.forEach((level, i) => {
      levels[i] = 2 - level
    })
    scale = -scale
    shift = patterns.length - 1 - shift
  }
  const shifted = patterns[shift]!
  const free = shifted.map((_, k) => levels.subarray(8 * k, 8 * k + 8).reduce((code, level, i) => code | (level << (2 * i)), 0))
  const codes = free.map((code, k) => pointNear(code, x.subarray(8 * k), weights.subarray(8 * k), scale, shifted[k]!))
  if (free.some((code) => iq1Grid.pointOf[code]! < 0)) {
    let [lx, l2] = [0, 0]
    x.forEach((value, i) => {
      const q = shifted[i >> 3]![(codes[i >> 3]! >> (2 * (i & 7))) & 3]!
      const wq = f(weights[i]! * q)
      lx = f(lx + f(wq * value))
      l2 = f(l2 + f(wq * q))
    })
    if (lx > 0 && l2 > 0) scale = f(lx / l2)
  }
  return { scale, shift, codes }
}

/** The point of least weighted squared error among those near a code, of equals the first. */
function pointNear(code: number, x: Float32Array, weights: Float32Array, scale: number, shifted: Shifted): number {
  if (iq1Grid.pointOf[code]! >= 0) return code
  let found = -1
  let least = Number.POSITIVE_INFINITY
  for (const candidate of iq1Grid.near(code)) {
    let error = 0
    for (let i = 0; i < 8; i++) {
      const difference = f(f(scale * shifted[(candidate >> (2 * i)) & 3]!) - x[i]!)
      error = f(error + f(f(weights[i]! * difference) * difference))
    }
    if (found >= 0 && !(error < least)) continue
    least = error
    found = candidate
  }
  return found
}
