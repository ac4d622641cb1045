import { numberToHalf } from './half.js'

export const floatTypes = ['F32', 'F16', 'BF16'] as const
export type FloatType = (typeof floatTypes)[number]

export const isFloatType = (type: string): type is FloatType => floatTypes.some((name) => name === type)

/** Numbers as bytes of a float type, rounded to nearest, ties to even. */
export function encodeFloats(type: FloatType, values: Float32Array): Uint8Array<ArrayBuffer> {
  if (type === 'F32') return new Uint8Array(new Float32Array(values).buffer)
  const out = new Uint16Array(values.length)
  if (type === 'F16') for (let i = 0; i < values.length; i++) out[i] = numberToHalf(values[i]!)
  else {
    const bits = new Uint32Array(new Float32Array(values).buffer)
    for (let i = 0; i < bits.length; i++) out[i] = bfloat16(bits[i]!)
  }
  return new Uint8Array(out.buffer)
}

/** Bits of a float32 to those of a bfloat16; a NaN stays one. */
const bfloat16 = (bits: number): number =>
  (bits & 0x7fffffff) > 0x7f800000 ? (bits >>> 16) | 0x40 : (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
