const f = Math.fround
const float = new Float32Array(1)
const word = new Uint32Array(float.buffer)

/**
 * E8M0: ⌊log₂ magnitude⌋ − 2, so that the greatest value, 6, reaches it. The logarithm is the one of float32, which just below a
 * power of two is that power's. Numbers below 2⁻¹²⁵, for which there is no exponent, get the least.
 */
export const exponentFor = (magnitude: number): number =>
  magnitude > 0 ? Math.max(0, Math.floor(f(Math.log2(magnitude))) + 125) : 0

/** Unsigned E4M3 of bias 7 for a number of 0 or more; ties go up, and as in ggml everything from 256 on becomes 448. */
export function e4m3Bits(x: number): number {
  if (!(x > 0)) return 0
  float[0] = x
  const bits = word[0]!
  const exponent = (bits >>> 23) - 120
  if (exponent <= 0) return Math.min(7, Math.trunc(f(f(x * 512) + 0.5)))
  const rounded = ((exponent << 3) | ((bits >>> 20) & 7)) + ((bits >>> 19) & 1)
  return rounded >= 0x78 ? 0x7e : rounded
}
