import { uniform } from '@qt/core'

/**
 * Indices drawn with probabilities in proportion to weights: without replacement by the keys of Efraimidis and Spirakis (2006), with it
 * by one draw each. In the order of the items. The same seed draws the same.
 *
 * @example
 * ```ts
 * sampleWeighted([1, 0, 3], 2) // Uint32Array [0, 2]: what has no weight is never drawn
 * ```
 */
export function sampleWeighted(
  weights: ArrayLike<number>,
  count: number,
  { seed = 1, replacement = false }: { seed?: number; replacement?: boolean } = {},
): Uint32Array {
  const all = Array.from(weights, (weight, index) => ({ weight, index })).filter(({ weight }) => weight > 0)
  if (!replacement) {
    const keys = all.map(({ weight, index }) => ({ index, key: Math.log(1 - uniform(seed, 'sample', 0, index)) / weight }))
    const chosen = keys.sort((a, b) => b.key - a.key).slice(0, count)
    return Uint32Array.from(chosen, ({ index }) => index).sort()
  }
  const ends: number[] = []
  let sum = 0
  for (const { weight } of all) {
    sum += weight
    ends.push(sum)
  }
  const out = new Uint32Array(all.length === 0 ? 0 : count)
  for (let draw = 0; draw < out.length; draw++) {
    const at = uniform(seed, 'sample', 1, draw) * sum
    let [low, high] = [0, ends.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (ends[middle]! <= at) low = middle + 1
      else high = middle
    }
    out[draw] = all[low]!.index
  }
  return out.sort()
}
