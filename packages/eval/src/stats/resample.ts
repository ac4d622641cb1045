import { philox } from '@qt/core'

/** Apart from other uses of the same seed. */
const purpose = { draw: 0x7e57_0001, flip: 0x7e57_0002 }

/**
 * Draws `n` of `n` things with replacement, `samples` times, always the same for a seed. `visit` gets the drawn numbers, in an array that is
 * used again.
 */
export function resample(n: number, samples: number, seed: number, visit: (drawn: Uint32Array) => void): void {
  const drawn = new Uint32Array(n)
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < n; i += 4) {
      const words = philox([i, sample, 0, purpose.draw], [seed >>> 0, 0])
      for (let k = 0; k < 4 && i + k < n; k++) drawn[i + k] = Math.floor((words[k]! / 2 ** 32) * n)
    }
    visit(drawn)
  }
}

/** Throws `n` coins, `samples` times, always the same for a seed. */
export function flips(n: number, samples: number, seed: number, visit: (heads: Uint8Array) => void): void {
  const heads = new Uint8Array(n)
  for (let sample = 0; sample < samples; sample++) {
    for (let i = 0; i < n; i += 128) {
      const words = philox([i, sample, 0, purpose.flip], [seed >>> 0, 0])
      for (let k = 0; k < 128 && i + k < n; k++) heads[i + k] = (words[k >> 5]! >>> (k & 31)) & 1
    }
    visit(heads)
  }
}

/** The value below which a share of sorted values lies, between neighbours in proportion. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = (sorted.length - 1) * share
  const [low, high] = [Math.floor(at), Math.ceil(at)]
  const a = sorted[low] ?? Number.NaN
  const b = sorted[high] ?? Number.NaN
  // Infinity minus itself is no number.
  return a === b ? a : a + (at - low) * (b - a)
}
