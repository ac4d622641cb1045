import { grown } from '../grown.js'
import type { Pieces } from '../token-store.js'
import { BandKeys, longestChain, type Match, type NearDuplicateOptions } from './band-keys.js'
import { BandTable } from './band-table.js'
import { jaccard } from './shingles.js'

/** The match of each text by its number, and with what was looked for. */
export interface Matches extends Pick<BandKeys, 'similarity' | 'permutations' | 'bands'> {
  of(number: number): Match | undefined
}

/** Texts whose keys lie together, so that a list of millions grows without being copied. */
const chunkBits = 16

/**
 * Finds what `NearDuplicates.add` finds of the same texts in the same order, in about 100 bytes of memory a text, however long: shingles lie in
 * `sets`, and the bands are gone through one by one, with one table.
 */
export async function matchesOnDisk(texts: AsyncIterable<string>, sets: Pieces, options: NearDuplicateOptions): Promise<Matches> {
  const found = new DiskMatches(new BandKeys(options), sets)
  for await (const text of texts) found.add(text)
  found.link()
  found.match()
  return found
}

const none = new Int32Array(0)

class DiskMatches implements Matches {
  readonly similarity: number
  readonly permutations: number
  readonly bands: BandKeys['bands']
  /** Of each text its keys; later, instead of them, the text before it that has the key and is kept, or -1. */
  private readonly chunks: Int32Array[] = []
  private places = new Float64Array(1 << 10)
  private sizes = new Int32Array(1 << 10)
  private count = 0
  /** -1: kept. */
  private matched = none
  private similarities = new Float64Array(0)
  private readonly room = [new Int32Array(1 << 10), new Int32Array(1 << 10)]

  constructor(
    private readonly texts: BandKeys,
    private readonly sets: Pieces,
  ) {
    this.similarity = texts.similarity
    this.permutations = texts.permutations
    this.bands = texts.bands
  }

  of(number: number): Match | undefined {
    const of = this.matched[number] ?? -1
    return of === -1 ? undefined : { of, similarity: this.similarities[number]! }
  }

  add(text: string): void {
    const number = this.count++
    const { bands } = this.bands
    const hashes = this.texts.of(text)
    this.places = grown(this.places, this.count)
    this.sizes = grown(this.sizes, this.count)
    this.sizes[number] = hashes.length
    if (number >> chunkBits === this.chunks.length) this.chunks.push(new Int32Array(bands << chunkBits))
    if (hashes.length === 0) return
    this.places[number] = this.sets.write(new Int32Array(hashes.buffer, hashes.byteOffset, hashes.length), none)
    this.chunks[number >> chunkBits]!.set(this.texts.keys, this.at(number))
  }

  /** Where the keys of a text begin in their chunk. */
  private at(number: number): number {
    return (number & ((1 << chunkBits) - 1)) * this.bands.bands
  }

  /** Puts the text before it with the same key in the place of each key. */
  link(): void {
    // One for all: what is thrown away is not always gone when the next is made.
    const table = new BandTable(Math.max(1024, this.count))
    // The table counts only texts that have keys.
    const numbers = new Int32Array(this.count)
    for (let band = 0; band < this.bands.bands; band++) {
      table.clear()
      let entries = 0
      for (let number = 0; number < this.count; number++) {
        const chunk = this.chunks[number >> chunkBits]!
        const place = this.at(number) + band
        if (this.sizes[number] === 0) {
          chunk[place] = -1
          continue
        }
        const key = chunk[place]!
        const last = table.last(key)
        table.add(key)
        numbers[entries++] = number
        chunk[place] = last === -1 ? -1 : numbers[last]!
      }
    }
  }

  match(): void {
    this.matched = new Int32Array(this.count).fill(-1)
    this.similarities = new Float64Array(this.count)
    for (let number = 0; number < this.count; number++) this.matchOne(number)
  }

  private matchOne(number: number): void {
    const chunk = this.chunks[number >> chunkBits]!
    const at = this.at(number)
    const compared: number[] = []
    let own: Uint32Array | undefined
    let best = -1
    let [of, done] = [-1, false]
    for (let band = 0; band < this.bands.bands; band++) {
      let other = this.keptFrom(chunk[at + band]!, band)
      // Whoever comes by here later is led past all that were left out.
      chunk[at + band] = other
      for (let left = longestChain; !done && other !== -1 && left > 0; other = this.before(other, band), left--) {
        if (compared.includes(other)) continue
        compared.push(other)
        own ??= this.read(number, 0)
        const similarity = jaccard(own, this.read(other, 1))
        if (similarity < this.similarity || similarity <= best) continue
        ;[best, of, done] = [similarity, other, similarity === 1]
      }
    }
    this.matched[number] = of
    this.similarities[number] = Math.max(0, best)
  }

  private before(number: number, band: number): number {
    return this.keptFrom(this.chunks[number >> chunkBits]![this.at(number) + band]!, band)
  }

  /** A text itself if it was kept, else the one before it with the same key that was. */
  private keptFrom(number: number, band: number): number {
    let at = number
    while (at !== -1 && this.matched[at] !== -1) at = this.chunks[at >> chunkBits]![this.at(at) + band]!
    return at
  }

  private read(number: number, side: 0 | 1): Uint32Array {
    const size = this.sizes[number]!
    this.room[side] = grown(this.room[side]!, size)
    const list = this.room[side]!.subarray(0, size)
    this.sets.read(this.places[number]!, list, none)
    return new Uint32Array(list.buffer, 0, size)
  }
}
