import { mix32 } from './shingles.js'

/**
 * MinHash (Broder 1997): for each of k permutations the smallest image of a set. Two sets agree in a place with the probability of their
 * Jaccard similarity. A permutation is x → a·mix(x) + b modulo 2³² with an odd a.
 */
export class MinHasher {
  private readonly a: Int32Array
  private readonly b: Int32Array

  constructor(
    readonly permutations: number,
    seed = 1,
  ) {
    this.a = Int32Array.from({ length: permutations }, (_, i) => mix32(seed ^ Math.imul(2 * i + 1, 0x9e3779b1)) | 1)
    this.b = Int32Array.from({ length: permutations }, (_, i) =>
      mix32(Math.imul(seed, 0x85ebca6b) ^ Math.imul(2 * i + 2, 0x9e3779b1)),
    )
  }

  /** Writes the signature of a set of hashes. Values are signed: only their order matters. */
  sign(hashes: Uint32Array, out: Int32Array): void {
    const { a, b, permutations } = this
    out.fill(0x7fffffff)
    for (let i = 0; i < hashes.length; i++) {
      const hash = mix32(hashes[i]!) | 0
      for (let k = 0; k < permutations; k++) {
        const value = (Math.imul(a[k]!, hash) + b[k]!) | 0
        if (value < out[k]!) out[k] = value
      }
    }
  }
}

/** The share of places in which two signatures agree: an estimate of the similarity, with a standard error of √(J(1−J)/k). */
export function similarity(a: Int32Array, b: Int32Array): number {
  let same = 0
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) same++
  return same / a.length
}
