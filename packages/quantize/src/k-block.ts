import { type QuantMethod, type TensorType, tensorTypes } from '@qt/core'
import { blockMethod } from './blocks.js'
import { refuseBeyondHalf, tooLarge } from './finite.js'
import { float16Bits, roundToHalf, writeU16 } from './half.js'
import { clamp, nearest } from './search/nearest.js'

const f = Math.fround

/** What an encoder of one block of 256 values works with; `out` is zeroed. */
export interface KBlock {
  readonly x: Float32Array
  readonly importance: Float32Array | undefined
  readonly out: Uint8Array
  /** Writes a float16 that must stay finite, and returns the number that it keeps. */
  half(value: number, to: number): number
}

/**
 * A K type: blocks of 256 values, cut into parts of 16 or 32 with scales (and offsets) of 4, 6 or 8 bits that are multiples of
 * those of the block. First every part is fitted by itself, then the scales are rounded, then the levels chosen for these.
 */
export function kMethod(type: TensorType, encode: (block: KBlock) => void): QuantMethod {
  const { blockBytes } = tensorTypes[type]
  return blockMethod(type, (values, from, out, to, weights) => {
    const x = values.subarray(from, from + 256)
    if (type !== 'Q8_K') refuseBeyondHalf(type, x, from)
    const block = out.subarray(to, to + blockBytes)
    encode({
      x,
      importance: weights?.subarray(from, from + 256),
      out: block,
      half(value, at) {
        const bits = float16Bits(value)
        if ((bits & 0x7c00) === 0x7c00) throw tooLarge(type, from, value)
        writeU16(block, at, bits)
        return roundToHalf(value)
      },
    })
  })
}

/** Part j of a block. */
export const part = <T extends Float32Array | Uint8Array>(whole: T, j: number, size: number): T =>
  whole.subarray(j * size, (j + 1) * size) as T

/** Levels of a part when its scale and offset are settled; with a scale of nothing they stay as they are. */
export function settleAffine(x: Float32Array, most: number, scale: number, offset: number, levels: Uint8Array): void {
  if (scale !== 0)
    x.forEach((value, i) => {
      levels[i] = clamp(0, most, nearest(f(f(value + offset) / scale)))
    })
}

export function settleSymmetric(x: Float32Array, half: number, scale: number, levels: Uint8Array): void {
  if (scale !== 0)
    x.forEach((value, i) => {
      levels[i] = clamp(-half, half - 1, nearest(f(value / scale))) + half
    })
}

/** Two bits of four values 32 apart in each byte, for each half of the block. */
export function writePairs(levels: Uint8Array, out: Uint8Array, to: number): void {
  levels.forEach((level, i) => {
    out[to + ((i >> 7) << 5) + (i & 31)]! |= (level & 3) << (((i >> 5) & 3) << 1)
  })
}

/** Rounds non-negative numbers to multiples of largest / most: the levels, and that unit. */
export function roundByLargest(x: Float32Array, most: number): { levels: Uint8Array; unit: number } {
  const max = x.reduce((largest, value) => Math.max(largest, value), 0)
  const inverse = max > 0 ? f(most / max) : 0
  return { levels: Uint8Array.from(x, (value) => nearest(inverse * value)), unit: f(max / most) }
}
