const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

/** The bits of a float32 as those of a float16, rounded to nearest, ties to even; beyond 65504 it becomes infinite. */
export function float16Bits(value: number): number {
  float[0] = value
  const bits = word[0]!
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude >= 0x47800000) return sign | 0x7c00
  // Below 2⁻¹⁴ a half counts multiples of 2⁻²⁴, which adding 0.5 rounds to.
  if (magnitude < 0x38800000) {
    float[0] = Math.abs(value) + 0.5
    return sign | (word[0]! - 0x3f000000)
  }
  const even = (magnitude >>> 13) & 1
  return sign | ((magnitude - 0x38000000 + 0xfff + even) >>> 13)
}

/** The bits of a float32 as those of a bfloat16, rounded to nearest, ties to even. */
export function bfloat16Bits(value: number): number {
  float[0] = value
  const bits = word[0]!
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16
}

/** Writes 16 bits, little-endian. */
export function writeU16(out: Uint8Array, at: number, bits: number): void {
  out[at] = bits & 255
  out[at + 1] = bits >>> 8
}

/** A number as float16 keeps it. */
export function roundToHalf(value: number): number {
  const bits = float16Bits(value)
  const fraction = bits & 1023
  const exponent = (bits >> 10) & 31
  return (bits & 0x8000 ? -1 : 1) * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25))
}
