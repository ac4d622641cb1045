import { grown } from '../grown.js'
import { BandKeys, longestChain, type Match, type NearDuplicateOptions } from './band-keys.js'
import { BandTable } from './band-table.js'
import type { Bands } from './bands.js'
import { jaccard } from './shingles.js'

/**
 * Finds texts that are nearly the same as an earlier one: MinHash and bands propose, the Jaccard similarity of the shingles decides, exact
 * up to 32-bit hashes that are the same by chance. A text that is a near-duplicate is not compared with later ones.
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
  private readonly texts: BandKeys
  private readonly tables: readonly BandTable[]
  /** The shingles of the texts that are kept, one after another. */
  private sets = new Uint32Array(1 << 16)
  private ends = new Float64Array(1 << 10)
  private numbers = new Int32Array(1 << 10)
  private checks = new Int32Array(1 << 10)
  private kept = 0
  private count = 0
  private seen = new Int32Array(1 << 10)

  constructor(options: NearDuplicateOptions = {}) {
    this.texts = new BandKeys(options)
    this.similarity = this.texts.similarity
    this.permutations = this.texts.permutations
    this.bands = this.texts.bands
    this.tables = Array.from({ length: this.texts.bands.bands }, () => new BandTable())
  }

  /** The earlier text that this one is nearly the same as; undefined when it is new, and from now on others are compared with it. */
  add(text: string): Match | undefined {
    const number = this.count++
    const hashes = this.texts.of(text)
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
    const number = this.count++
    const hashes = this.texts.of(text)
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
    const { texts, tables, seen } = this
    const mark = number + 1
    for (let band = 0; band < tables.length; band++) {
      const table = tables[band]!
      let left = longestChain
      for (let other = table.last(texts.keys[band]!); other !== -1 && left > 0; other = table.previous(other), left--) {
        // Compared already, in another band.
        if (seen[other] === mark) continue
        seen[other] = mark
        const similarity = jaccard(hashes, this.setOf(other))
        if (similarity === 1 && texts.check !== this.checks[other]) continue
        if (similarity >= texts.similarity && enough({ of: this.numbers[other]!, similarity })) return
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
    this.checks = grown(this.checks, this.kept + 1)
    this.seen = grown(this.seen, this.kept + 1)
    this.ends[this.kept] = to
    this.numbers[this.kept] = number
    this.checks[this.kept] = this.texts.check
    for (let band = 0; band < this.tables.length; band++) this.tables[band]!.add(this.texts.keys[band]!)
    this.kept++
  }
}
