/**
 * Philox4x32-10: four random 32-bit words from a counter and a key, with no state.
 * Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011. The engine has the same function in C++.
 */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter
  let [k0, k1] = key
  for (let round = 0; round < 10; round++) {
    const [high0, low0] = multiply(0xd2511f53, c0)
    const [high1, low1] = multiply(0xcd9e8d57, c2)
    ;[c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0]
    k0 = (k0 + 0x9e3779b9) >>> 0
    k1 = (k1 + 0xbb67ae85) >>> 0
  }
  return [c0, c1, c2, c3]
}

/** 32 × 32 → 64 bits as [high, low], by 16-bit halves so that every product is exact in a double. */
function multiply(a: number, b: number): [number, number] {
  const [aHigh, aLow, bHigh, bLow] = [a >>> 16, a & 0xffff, b >>> 16, b & 0xffff]
  const low = aLow * bLow
  const middle = aHigh * bLow + (low >>> 16)
  const middle2 = aLow * bHigh + (middle % 0x10000)
  const high = aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(middle2 / 0x10000)
  return [high >>> 0, Math.imul(a, b) >>> 0]
}

/** What a random number is for: the same (seed, purpose, step) always gives the same numbers. */
export const purposes = { initialise: 1, shuffle: 2, dropout: 3, split: 4, sample: 5, noise: 6 } as const
export type Purpose = keyof typeof purposes

/** Uniform in [0, 1) with 32 bits, keyed by (seed, purpose, step, index). */
export function uniform(seed: number, purpose: Purpose, step: number, index: number): number {
  return (
    philox(
      [index >>> 0, Math.floor(index / 2 ** 32), step >>> 0, purposes[purpose]],
      [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0],
    )[0] /
    2 ** 32
  )
}

/** A permutation of 0 … n-1 (Fisher–Yates) keyed by (seed, purpose, step). */
export function permutation(n: number, seed: number, purpose: Purpose, step: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(uniform(seed, purpose, step, i) * (i + 1))
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}
