import { mix32 } from './shingles.js'
import { type Signer, wasmSigner } from './wasm-signer.js'

/**
 * MinHash (Broder 1997): for each of k permutations the smallest image of a set. Two sets agree in a place with the probability of their
 * Jaccard similarity. A permutation is x → a·mix(x) + b modulo 2³² with an odd a.
 */
export class MinHasher {
  private readonly signer: Signer
  private mixed = new Uint32Array(1024)

  constructor(
    readonly permutations: number,
    seed = 1,
    make: (a: Int32Array, b: Int32Array) => Signer | undefined = wasmSigner,
  ) {
    const a = Int32Array.from({ length: permutations }, (_, i) => mix32(seed ^ Math.imul(2 * i + 1, 0x9e3779b1)) | 1)
    const b = Int32Array.from({ length: permutations }, (_, i) =>
      mix32(Math.imul(seed, 0x85ebca6b) ^ Math.imul(2 * i + 2, 0x9e3779b1)),
    )
    this.signer = make(a, b) ?? scriptSigner(a, b)
  }

  /** Writes the signature of a set of hashes. Values are signed: only their order matters. */
  sign(hashes: Uint32Array, out: Int32Array): void {
    const { length } = hashes
    if (length > this.mixed.length) this.mixed = new Uint32Array(2 * length)
    const { mixed } = this
    for (let i = 0; i < length; i++) mixed[i] = mix32(hashes[i]!)
    this.signer(mixed.subarray(0, length), out)
  }
}

/** What WebAssembly does, where there is none. */
export function scriptSigner(a: Int32Array, b: Int32Array): Signer {
  return (mixed, out) => {
    const { length } = mixed
    for (let k = 0; k < a.length; k++) {
      const [factor, summand] = [a[k]!, b[k]!]
      let smallest = 0x7fffffff
      for (let i = 0; i < length; i++) smallest = Math.min(smallest, (Math.imul(factor, mixed[i]!) + summand) | 0)
      out[k] = smallest
    }
  }
}

/** The share of places in which two signatures agree: an estimate of the similarity, with a standard error of √(J(1−J)/k). */
export function similarity(a: Int32Array, b: Int32Array): number {
  let same = 0
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) same++
  return same / a.length
}
