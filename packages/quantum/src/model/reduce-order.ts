import type { Monomial } from './polynomial.js'

export interface Reduced {
  /** Constant, linear and quadratic terms whose least value over the new bits is that of the given ones. */
  readonly terms: readonly Monomial[]
  /** Numbers of the bits that were added, by what each stands for. */
  readonly added: readonly { readonly bit: number; readonly productOf: readonly number[] }[]
}

/**
 * Products of three and more bits as quadratic terms of additional bits.
 * A negative product needs one bit w: −x₁…x_d = min_w −w(Σx − d + 1) (Freedman and Drineas, CVPR 2005).
 * In positive ones the pair that occurs most is replaced by a bit y with a penalty that makes y = x₁x₂ (Rosenberg 1975).
 */
export function reduceOrder(monomials: readonly Monomial[], firstNewBit: number): Reduced {
  const terms: Monomial[] = []
  const added: { bit: number; productOf: readonly number[] }[] = []
  let next = firstNewBit
  let positive: Monomial[] = []
  for (const monomial of monomials) {
    const { bits, coefficient } = monomial
    if (bits.length <= 2) terms.push(monomial)
    else if (coefficient > 0) positive.push(monomial)
    else if (coefficient < 0) {
      const w = next++
      added.push({ bit: w, productOf: bits })
      for (const bit of bits) terms.push({ bits: [bit, w], coefficient })
      terms.push({ bits: [w], coefficient: -coefficient * (bits.length - 1) })
    }
  }
  while (positive.length > 0) {
    const [a, b] = mostFrequentPair(positive)
    const y = next++
    added.push({ bit: y, productOf: [a, b] })
    let weight = 0
    const rest: Monomial[] = []
    for (const monomial of positive) {
      const { bits, coefficient } = monomial
      if (!bits.includes(a) || !bits.includes(b)) {
        rest.push(monomial)
        continue
      }
      weight += coefficient
      const fewer = [...bits.filter((bit) => bit !== a && bit !== b), y]
      if (fewer.length > 2) rest.push({ bits: fewer, coefficient })
      else terms.push({ bits: fewer, coefficient })
    }
    // With positive coefficients a y of 1 too many never pays; one too few pays at most `weight`.
    terms.push({ bits: [a, b], coefficient: weight })
    terms.push(
      { bits: [a, y], coefficient: -2 * weight },
      { bits: [b, y], coefficient: -2 * weight },
      { bits: [y], coefficient: 3 * weight },
    )
    positive = rest
  }
  return { terms, added }
}

function mostFrequentPair(monomials: readonly Monomial[]): [number, number] {
  const counts = new Map<string, { pair: [number, number]; count: number }>()
  for (const { bits } of monomials)
    for (let i = 0; i < bits.length; i++)
      for (let j = i + 1; j < bits.length; j++) {
        const key = `${bits[i]} ${bits[j]}`
        const there = counts.get(key)
        if (there) there.count++
        else counts.set(key, { pair: [bits[i]!, bits[j]!], count: 1 })
      }
  let best: { pair: [number, number]; count: number } | undefined
  for (const entry of counts.values()) if (!best || entry.count > best.count) best = entry
  return best!.pair
}
