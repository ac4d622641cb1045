import { type QuantMethod, type TensorType, tensorTypes } from '@qt/core'
import { decodeBlocks } from '@qt/weights'
import { tooLarge } from './finite.js'
import { float16Bits, writeU16 } from './half.js'
import { defineQuantMethod } from './method.js'

/** Encodes one block: the values from `from` (and what they weigh, if known) into the bytes from `to`. */
export type EncodeBlock = (
  values: Float32Array,
  from: number,
  out: Uint8Array,
  to: number,
  importance: Float32Array | undefined,
) => void

/**
 * A built-in method: blocks are encoded one by one, and decoded by the one decoder of their type in @qt/weights. `weights`
 * makes of a row's importance what its blocks are given.
 */
export function blockMethod(
  type: TensorType,
  encodeBlock: EncodeBlock,
  weights: (row: Float32Array, importance: Float32Array) => Float32Array = (_, importance) => importance,
): QuantMethod {
  const { blockSize, blockBytes } = tensorTypes[type]
  return defineQuantMethod({
    name: type,
    type,
    blockSize,
    blockBytes,
    encode(values, out, importance) {
      const weighed = importance && weights(values, importance)
      for (let from = 0, to = 0; from < values.length; from += blockSize, to += blockBytes)
        encodeBlock(values, from, out, to, weighed)
    },
    decode(blocks, out) {
      out.set(decodeBlocks(type, blocks))
    },
  })
}

/** Writes a float16 that must stay finite. */
export function writeHalf(type: TensorType, value: number, from: number, out: Uint8Array, to: number): void {
  const bits = float16Bits(value)
  if ((bits & 0x7c00) === 0x7c00) throw tooLarge(type, from, value)
  writeU16(out, to, bits)
}

/**
 * 1/d in float32. Where the reference would divide by nothing, or by so little that the quotient is infinite (and what
 * follows undefined in C), every value becomes zero: as a float16 that scale is zero anyway.
 */
export function inverse(d: number): number {
  const quotient = Math.fround(1 / d)
  return Number.isFinite(quotient) ? quotient : 0
}
