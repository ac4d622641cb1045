import { type KBlock, part, roundByLargest, settleAffine } from './k-block.js'
import { fitAffine, type Steps, weightedSteps } from './search/affine.js'
import { fitPositive } from './search/positive.js'
import { sumOf, sumOfSquares, weigh } from './weights.js'

const f = Math.fround

/** How the parts of a type are fitted: x ≈ d·scale·q − m·offset. */
export interface AffineParts {
  readonly size: number
  readonly most: number
  /** The greatest scale and offset. */
  readonly mostScale: number
  readonly steps: Steps
  /** Weights of a part when there is no importance. */
  readonly weights: (x: Float32Array) => Float32Array
  /** With importance: what is added to x² below the root, from the sum of the block's squares. */
  readonly spread: (squares: number) => number
}

export interface FittedParts {
  readonly levels: Uint8Array
  readonly scales: Uint8Array
  readonly offsets: Uint8Array
  readonly d: number
  readonly m: number
}

export function fitParts({ x, importance }: KBlock, parts: AffineParts): FittedParts {
  const { size, most, mostScale, steps } = parts
  const count = 256 / size
  const levels = new Uint8Array(256)
  const [scales, offsets, sums] = [new Float32Array(count), new Float32Array(count), new Float32Array(count)]
  const spread = importance ? parts.spread(sumOfSquares(x)) : 0
  for (let j = 0; j < count; j++) {
    const values = part(x, j, size)
    const weights = importance ? weigh(values, part(importance, j, size), spread) : parts.weights(values)
    sums[j] = sumOf(weights)
    const { scale, offset } = fitAffine(values, weights, most, importance ? weightedSteps : steps, part(levels, j, size))
    scales[j] = scale
    offsets[j] = offset
  }
  const round = (values: Float32Array) => {
    if (!importance) return roundByLargest(values, mostScale)
    const rounded = new Uint8Array(count)
    return { unit: fitPositive(values, sums, mostScale, rounded), levels: rounded }
  }
  const [ofScales, ofOffsets] = [round(scales), round(offsets)]
  const limited = (values: Uint8Array) => values.map((value) => Math.min(mostScale, value))
  return { levels, scales: limited(ofScales.levels), offsets: limited(ofOffsets.levels), d: ofScales.unit, m: ofOffsets.unit }
}

/** The levels for scales that are settled, d and m as float16 keeps them. */
export function settleParts(
  { x }: KBlock,
  { size, most }: AffineParts,
  { levels, scales, offsets }: FittedParts,
  d: number,
  m: number,
): void {
  scales.forEach((scale, j) => {
    settleAffine(part(x, j, size), most, f(d * scale), f(m * offsets[j]!), part(levels, j, size))
  })
}

/** √mean(x²) + |x| */
export function aboutAverage(x: Float32Array): Float32Array {
  const average = f(Math.sqrt(f(sumOfSquares(x) / x.length)))
  return x.map((value) => average + Math.abs(value))
}

/** Eight scales and eight offsets of six bits in twelve bytes. */
export function writeSixBits(scales: Uint8Array, offsets: Uint8Array, out: Uint8Array, to: number): void {
  for (let j = 0; j < 4; j++) {
    out[to + j] = scales[j]! | ((scales[j + 4]! >> 4) << 6)
    out[to + 4 + j] = offsets[j]! | ((offsets[j + 4]! >> 4) << 6)
    out[to + 8 + j] = (scales[j + 4]! & 15) | ((offsets[j + 4]! & 15) << 4)
  }
}
