import type { QuantMethod, TensorType } from '@qt/core'
import type { Grid } from './grid.js'
import { type KBlock, kMethod } from './k-block.js'
import { signsOf } from './lattice-signs.js'
import { add, type Moments, none } from './search/moments.js'
import { clamp, nearest } from './search/nearest.js'
import { fitPositive } from './search/positive.js'
import { sumOfSquares } from './weights.js'

const f = Math.fround

/**
 * What tells the IQ2 and IQ3 types apart. Values are taken without their signs; a group of 8 (or 4) becomes a point of the grid, and
 * a part of 16 or 32 has a scale: x = ±scale·(2·level + 1). The scales are stored in 4 bits: d·(2·l + 1).
 */
export interface LatticeFormat {
  readonly type: TensorType
  readonly grid: Grid
  /** Values of a part. */
  readonly size: 16 | 32
  readonly levels: number
  /** Scales max/(2·levels − 1 + step·i) are tried for i from −tries to tries. */
  readonly tries: number
  readonly step: number
  /** `max` is not the largest value but 3 · the scale that fits levels 0 to 4 best. */
  readonly startsFitted?: boolean
  /** Which groups are searched once more with the scale found: all, all if one is off the grid, or those that are. */
  readonly again: 'always' | 'all' | 'off-grid'
  /** Of eight values an even number is negative; the eighth sign is not stored. */
  readonly evenSigns: boolean
  /** Below it a part is nothing but zeros. */
  readonly allZero: number
  /** Of the weight importance·√(spread·Σx²/256 + x²). */
  readonly spread: number
  /** The weight of a value of no known importance; `mean` is spread·Σx²/256. */
  plainWeight(mean: number, x: number): number
  /** What d is multiplied with in the end. */
  readonly fudge: number
  /** Writes all but d and the scales. */
  pack(parts: readonly LatticePart[], points: (part: LatticePart) => number[], out: Uint8Array): void
  /** Writes the scales of 4 bits. */
  packScales(scales: readonly number[], out: Uint8Array): void
  /** A block whose scales are all zero is all zeros. */
  readonly clearsZeros: boolean
}

/** One of nothing but zeros is not stored: scale, codes and signs are 0, too. */
export interface LatticePart {
  readonly stored: boolean
  readonly scale: number
  readonly codes: readonly number[]
  /** A bit for each of eight values. */
  readonly signs: readonly number[]
}

export const latticeMethod = (format: LatticeFormat): QuantMethod => kMethod(format.type, (block) => encode(format, block))

function encode(format: LatticeFormat, { x, importance, out, half }: KBlock): void {
  const { size, grid } = format
  const mean = f(f(format.spread * sumOfSquares(x)) / 256)
  const weight = x.map((value, i) =>
    importance ? importance[i]! * f(Math.sqrt(f(mean + f(value * value)))) : format.plainWeight(mean, value),
  )
  const heaviest = weight.reduce((most, w) => Math.max(most, w), 0)
  if (!Number.isFinite(heaviest)) half(heaviest, 0)
  const parts = Array.from({ length: 256 / size }, (_, i) =>
    fitPart(format, x.subarray(size * i, size * (i + 1)), weight.subarray(size * i, size * (i + 1))),
  )
  const largest = parts.reduce((most, { scale }) => Math.max(most, scale), 0)
  const d = f(largest / 31)
  const inverse = f(1 / d)
  half(f(d * format.fudge), 0)
  if (largest === 0 && format.clearsZeros) return
  format.pack(parts, (part) => part.codes.map((code) => grid.pointOf[code]!), out)
  if (largest === 0) return
  format.packScales(
    parts.map(({ scale }) => clamp(0, 15, nearest(0.5 * f(f(inverse * scale) - 1)))),
    out,
  )
}

function fitPart(format: LatticeFormat, x: Float32Array, weight: Float32Array): LatticePart {
  const { size } = format
  const magnitudes = new Float32Array(size)
  const signs = Array.from({ length: size / 8 }, (_, k) => signsOf(x, weight, 8 * k, format.evenSigns, magnitudes))
  const max = magnitudes.reduce((most, value) => Math.max(most, value), magnitudes[0]!)
  const groups = size / format.grid.width
  const nothing = { stored: false, scale: 0, codes: Array(groups).fill(0), signs: signs.map(() => 0) }
  if (max < format.allZero || max === 0) return nothing
  const found = fitScale(format, magnitudes, weight, max)
  if (!found) return nothing
  const { scale, codes } = found
  if (scale < 0) return { stored: true, scale: -scale, codes, signs: signs.map((bits) => ~bits & 255) }
  return { stored: true, scale, codes, signs }
}

/** The scale and the codes that explain most of Σwx². */
function fitScale(
  format: LatticeFormat,
  x: Float32Array,
  weight: Float32Array,
  largest: number,
): { scale: number; codes: number[] } | undefined {
  const { grid, size, levels } = format
  const { width, bits } = grid
  const roots = weight.map((w) => Math.sqrt(w))
  const level = (code: number, i: number) => (code >> (bits * i)) & ((1 << bits) - 1)

  /** The code of each value by itself, whether or not it is a point. */
  const rounded = (inverse: number, from: number) => {
    let code = 0
    for (let i = 0; i < width; i++) code |= clamp(0, levels - 1, nearest(0.5 * f(f(inverse * x[from + i]!) - 1))) << (bits * i)
    return code
  }
  /** The point near `code` of least squared error, of equals the first. Errors are weighted with √weight. */
  const best = (code: number, scale: number, from: number) => {
    if (grid.pointOf[code]! >= 0) return code
    let found = -1
    let least = Number.POSITIVE_INFINITY
    for (const candidate of grid.near(code)) {
      let error = 0
      for (let i = 0; i < width; i++) {
        const difference = f(f(scale * (2 * level(candidate, i) + 1)) - x[from + i]!)
        error = f(error + f(f(roots[from + i]! * difference) * difference))
      }
      if (found >= 0 && !(error < least)) continue
      least = error
      found = candidate
    }
    return found
  }
  const moments = (codes: readonly number[]) => {
    let sum: Moments = none
    for (let i = 0; i < size; i++) sum = add(sum, weight[i]!, x[i]!, 2 * level(codes[Math.floor(i / width)]!, i % width) + 1)
    return sum
  }

  let scale = f(largest / (2 * levels - 1))
  let max = largest
  if (format.startsFitted) {
    scale = fitPositive(x, weight, 4, new Uint8Array(size))
    max = f(scale * 3)
    if (max <= 0) return undefined
  }
  const starts = Array.from({ length: size / width }, (_, k) => width * k)
  let codes = starts.map(() => 0)
  let onGrid = starts.map(() => format.again !== 'all')
  let explained = 0
  for (let i = -format.tries; i <= format.tries; i++) {
    const inverse = f(f(2 * levels - 1 + f(i * f(format.step))) / max)
    const free = starts.map((from) => rounded(inverse, from))
    const candidate = free.map((code, k) => best(code, f(1 / inverse), starts[k]!))
    const { lx, l2 } = moments(candidate)
    if (!(l2 > 0 && f(lx * lx) > f(explained * l2))) continue
    scale = f(lx / l2)
    explained = f(scale * lx)
    codes = candidate
    onGrid = free.map((code) => grid.pointOf[code]! >= 0)
  }
  // Once more, with the scale that was found.
  if (scale > 0 && (format.again === 'always' || onGrid.includes(false))) {
    const fixed = scale
    codes = codes.map((code, k) =>
      format.again === 'off-grid' && onGrid[k] ? code : best(rounded(f(1 / fixed), starts[k]!), fixed, starts[k]!),
    )
    const { lx, l2 } = moments(codes)
    if (l2 > 0) scale = f(lx / l2)
  }
  return { scale, codes }
}
