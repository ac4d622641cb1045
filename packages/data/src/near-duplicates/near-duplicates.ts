import { usageError } from '@qt/core'
import { grown } from '../grown.js'
import { BandTable } from './band-table.js'
import { type Bands, chooseBands } from './bands.js'
import { MinHasher } from './min-hash.js'
import { jaccard, type ShingleOptions, Shingler } from './shingles.js'

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
  /** Exact. */
  readonly similarity: number
}

/** Texts of one key that are looked at: texts that share a stock phrase in a band must not make the search quadratic. */
const longestChain = 200

/**
 * Finds texts that are nearly the same as an earlier one: MinHash and bands propose, the exact Jaccard similarity of the shingles decides,
 * so that nothing is called a duplicate that is none. A text that is a near-duplicate is not compared with later ones.
 *
 * @example
 * ```ts
 * const finder = new NearDuplicates({ similarity: 0.7 })
 * finder.add('The cat sat on the mat by the door all day') // undefined
 * finder.add('The cat sat on the mat by the door all night') // { of: 0, similarity: 0.8 }
 * ```
 */
export class NearDuplicates {
  readonly similarity: number
  readonly permutations: number
  readonly bands: Bands
  private readonly shingler: Shingler
  private readonly hasher: MinHasher
  private readonly signature: Int32Array
  /** Of the text that was searched for. */
  private readonly keys: Int32Array
  private readonly tables: readonly BandTable[]
  /** The shingles of the texts that are kept, one after another. */
  private sets = new Uint32Array(1 << 16)
  private ends = new Float64Array(1 << 10)
  private numbers = new Int32Array(1 << 10)
  private kept = 0
  private texts = 0
  private seen = new Int32Array(1 << 10)

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
    this.hasher = new MinHasher(this.bands.bands * this.bands.rows, seed)
    this.signature = new Int32Array(this.hasher.permutations)
    this.keys = new Int32Array(this.bands.bands)
    this.tables = Array.from({ length: this.bands.bands }, () => new BandTable())
  }

  /** The earlier text that this one is nearly the same as; undefined when it is new, and from now on others are compared with it. */
  add(text: string): Match | undefined {
    const number = this.texts++
    const hashes = this.shingler.hashes(text)
    if (hashes.length === 0) return undefined
    let best: Match | undefined
    this.search(hashes, number, (match) => {
      if (best === undefined || match.similarity > best.similarity) best = match
      return match.similarity === 1
    })
    if (best === undefined) this.keep(hashes, number)
    return best
  }

  /** Every earlier text that this one is nearly the same as; later ones are compared with this one in any case. */
  link(text: string): readonly Match[] {
    const number = this.texts++
    const hashes = this.shingler.hashes(text)
    const found: Match[] = []
    if (hashes.length === 0) return found
    this.search(hashes, number, (match) => {
      found.push(match)
      return false
    })
    this.keep(hashes, number)
    return found
  }

  /** Looks through the bands until `enough` says so. */
  private search(hashes: Uint32Array, number: number, enough: (match: Match) => boolean): void {
    const { keys, signature, tables, seen } = this
    const { rows } = this.bands
    this.hasher.sign(hashes, signature)
    const mark = number + 1
    for (let band = 0; band < tables.length; band++) {
      const table = tables[band]!
      let left = longestChain
      const key = bandKey(signature, band * rows, rows)
      keys[band] = key
      for (let other = table.last(key); other !== -1 && left > 0; other = table.previous(other), left--) {
        // Compared already, in another band.
        if (seen[other] === mark) continue
        seen[other] = mark
        const similarity = jaccard(hashes, this.setOf(other))
        if (similarity >= this.similarity && enough({ of: this.numbers[other]!, similarity })) return
      }
    }
  }

  private setOf(kept: number): Uint32Array {
    return this.sets.subarray(kept === 0 ? 0 : this.ends[kept - 1], this.ends[kept])
  }

  private keep(hashes: Uint32Array, number: number): void {
    const from = this.kept === 0 ? 0 : this.ends[this.kept - 1]!
    const to = from + hashes.length
    this.sets = grown(this.sets, to)
    this.sets.set(hashes, from)
    this.ends = grown(this.ends, this.kept + 1)
    this.numbers = grown(this.numbers, this.kept + 1)
    this.seen = grown(this.seen, this.kept + 1)
    this.ends[this.kept] = to
    this.numbers[this.kept] = number
    for (let band = 0; band < this.tables.length; band++) this.tables[band]!.add(this.keys[band]!)
    this.kept++
  }
}

function bandKey(signature: Int32Array, from: number, rows: number): number {
  let key = 0x811c9dc5
  for (let i = from; i < from + rows; i++) key = Math.imul(key ^ signature[i]!, 0x9e3779b1) + (key >>> 15)
  return key | 0
}
