const float = new Float32Array(1)
const word = new Int32Array(float.buffer)

/** To the nearest whole number, ties to even, by adding 1.5·2²³ in float32; beyond ±2²² it wraps around, as in ggml-quants.c. */
export function nearest(value: number): number {
  float[0] = Math.fround(value) + 12582912
  return (word[0]! & 0x7fffff) - 0x400000
}

export const clamp = (low: number, high: number, level: number): number => Math.max(low, Math.min(high, level))

/** Below this the values of a part count as zeros. */
export const allZero = Math.fround(1e-15)
