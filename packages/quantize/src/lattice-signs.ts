const f = Math.fround

/**
 * Signs of eight values from `from` on, a bit each; their magnitudes are written. Where an odd number is negative and that cannot be
 * stored, the sign of the value whose loss counts least is turned around.
 */
export function signsOf(x: Float32Array, weight: Float32Array, from: number, even: boolean, magnitudes: Float32Array): number {
  let signs = 0
  let negative = 0
  for (let i = 0; i < 8; i++) {
    const value = x[from + i]!
    const below = !(value >= 0)
    magnitudes[from + i] = below ? -value : value
    if (!below) continue
    signs |= 1 << i
    negative++
  }
  if (!even || negative % 2 === 0) return signs
  const loss = (i: number) => f(f(weight[from + i]! * x[from + i]!) * x[from + i]!)
  let least = 0
  for (let i = 1; i < 8; i++) if (loss(i) < loss(least)) least = i
  magnitudes[from + least] = -magnitudes[from + least]!
  return signs ^ (1 << least)
}

/** Seven signs of each eight values, and a scale of 4 bits on top, in 32 bits. */
export function packSigns(signs: readonly number[], out: Uint8Array, to: number): void {
  const packed = signs.reduce((bits, eight, k) => bits | ((eight & 127) << (7 * k)), 0)
  for (let i = 0; i < 4; i++) out[to + i] = packed >> (8 * i)
}
