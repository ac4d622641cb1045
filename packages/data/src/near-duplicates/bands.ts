export interface Bands {
  readonly bands: number
  readonly rows: number
}

/** The probability that sets of a similarity share a band: 1 − (1 − sʳ)ᵇ. */
export const candidateProbability = (similarity: number, { bands, rows }: Bands): number => 1 - (1 - similarity ** rows) ** bands

/**
 * How to cut k values into bands of rows so that pairs at or above the threshold are found: with the most rows (the fewest false
 * candidates) for which a pair just at the threshold is missed with at most the probability `miss`. When even single rows miss more, single
 * rows.
 */
export function chooseBands(permutations: number, threshold: number, miss = 0.05): Bands {
  for (let rows = permutations; rows > 1; rows--) {
    const found = { bands: Math.floor(permutations / rows), rows }
    if (1 - candidateProbability(threshold, found) <= miss) return found
  }
  return { bands: permutations, rows: 1 }
}
