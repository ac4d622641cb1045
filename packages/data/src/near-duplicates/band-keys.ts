import { usageError } from '@qt/core'
import { type Bands, chooseBands } from './bands.js'
import { MinHasher } from './min-hash.js'
import { type ShingleOptions, Shingler } from './shingles.js'

export interface NearDuplicateOptions {
  /** From this Jaccard similarity of their shingles on, texts are near-duplicates. Default 0.8. */
  readonly similarity?: number | undefined
  readonly shingles?: ShingleOptions | undefined
  /** Default 128. */
  readonly permutations?: number | undefined
  /** How the permutations are cut; default: so that at most 5 % of the pairs just at the similarity are missed. */
  readonly bands?: Bands | undefined
  readonly seed?: number | undefined
}

export interface Match {
  /** The number of the text that this one is like, counted from 0 in the order in which texts were added. */
  readonly of: number
  /** Exact, but for 32-bit hashes of shingles that are the same by chance. */
  readonly similarity: number
}

/** Texts of one key that are looked at: texts that share a stock phrase in a band must not make the search quadratic. */
export const longestChain = 200

/** Texts of so few shingles are called the same only when other hashes of them are the same too. */
const fewShingles = 8

/** What a search for near-duplicates knows of a text: its shingles, and a key for each band of its signature. */
export class BandKeys {
  readonly similarity: number
  readonly permutations: number
  readonly bands: Bands
  /** Of the last text; valid until the next one. */
  readonly keys: Int32Array
  /** Of the last text, if its shingles are few: the sum of other hashes of them. */
  check = 0
  private readonly shingler: Shingler
  private readonly checker: Shingler
  private readonly hasher: MinHasher
  private readonly signature: Int32Array

  constructor({ similarity = 0.8, shingles, permutations = 128, bands, seed = 1 }: NearDuplicateOptions = {}) {
    if (!(similarity > 0 && similarity <= 1))
      throw usageError('DATA_OPTION', `The similarity is a number above 0 and up to 1, not ${similarity}.`, {
        actions: ['Use 0.8.'],
      })
    const counts = { permutations, ...bands, ...(shingles?.size === undefined ? {} : { size: shingles.size }) }
    for (const [name, count] of Object.entries(counts))
      if (!(Number.isInteger(count) && count >= 1 && count <= 65536))
        throw usageError('DATA_OPTION', `${name} is a whole number from 1 to 65536, not ${count}.`, {
          actions: ['Leave it out for its default.'],
        })
    this.similarity = similarity
    this.permutations = permutations
    this.bands = bands ?? chooseBands(permutations, similarity)
    if (this.bands.bands * this.bands.rows > permutations)
      throw usageError(
        'DATA_OPTION',
        `${this.bands.bands} bands of ${this.bands.rows} rows need more than ${permutations} permutations.`,
        {
          actions: ['Ask for fewer bands or rows, or for more permutations.'],
        },
      )
    this.shingler = new Shingler(shingles)
    this.checker = new Shingler({ ...shingles, seed: (shingles?.seed ?? 0) + 1 })
    this.hasher = new MinHasher(this.bands.bands * this.bands.rows, seed)
    this.signature = new Int32Array(this.hasher.permutations)
    this.keys = new Int32Array(this.bands.bands)
  }

  /** The shingles of a text, valid until the next one; none: it has no words, and no keys. */
  of(text: string): Uint32Array {
    const hashes = this.shingler.hashes(text)
    if (hashes.length === 0) return hashes
    this.hasher.sign(hashes, this.signature)
    this.check = 0
    if (hashes.length <= fewShingles) for (const hash of this.checker.hashes(text)) this.check = (this.check + hash) | 0
    const { rows } = this.bands
    for (let band = 0; band < this.keys.length; band++) this.keys[band] = bandKey(this.signature, band * rows, rows)
    return hashes
  }
}

function bandKey(signature: Int32Array, from: number, rows: number): number {
  let key = 0x811c9dc5
  for (let i = from; i < from + rows; i++) key = Math.imul(key ^ signature[i]!, 0x9e3779b1) + (key >>> 15)
  return key | 0
}
