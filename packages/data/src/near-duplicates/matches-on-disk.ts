import { setImmediate } from 'node:timers/promises'
import { grown } from '../grown.js'
import type { Pieces } from '../token-store.js'
import { BandKeys, longestChain, type Match, type NearDuplicateOptions } from './band-keys.js'
import { BandTable } from './band-table.js'
import { jaccard } from './shingles.js'

/** The match of each text by its number, and with what was looked for. */
export interface Matches extends Pick<BandKeys, 'similarity' | 'permutations' | 'bands'> {
  of(number: number): Match | undefined
}

/** The most keys, and the most texts as a power of two, that lie together, so that a list of millions grows without being copied. */
const [chunkKeys, mostChunkBits] = [1 << 22, 16]

/** How long other work, a signal to stop too, waits for its turn. */
const turn = 50

/**
 * Finds what `NearDuplicates.add` finds of the same texts in the same order, in 4 bytes of memory a band and about 50 more a text, however
 * long: shingles lie in `sets`, and the bands are gone through one by one, with one table.
 */
export async function matchesOnDisk(
  texts: AsyncIterable<string>,
  sets: Pieces,
  options: NearDuplicateOptions,
  signal?: AbortSignal,
): Promise<Matches> {
  const found = new DiskMatches(new BandKeys(options), sets)
  for await (const text of texts) found.add(text)
  let last = performance.now()
  for (const steps of [found.link(), found.match()])
    for (const _ of steps)
      if (performance.now() - last > turn) {
        await setImmediate()
        signal?.throwIfAborted()
        last = performance.now()
      }
  return found
}

const none = new Int32Array(0)

class DiskMatches implements Matches {
  readonly similarity: number
  readonly permutations: number
  readonly bands: BandKeys['bands']
  /** Of each text its keys; later, instead of them, the text before it that has the key and is kept, or -1. */
  private readonly chunks: Int32Array[] = []
  /** A chunk has a power of two of texts. */
  private readonly chunkBits: number
  private places = new Float64Array(1 << 10)
  private sizes = new Int32Array(1 << 10)
  private checks = new Int32Array(1 << 10)
  private count = 0
  /** -1: kept. */
  private matched = none
  private similarities = new Float64Array(0)
  /** The last text, plus 1, that each was compared with. */
  private seen = none
  private readonly room = [new Int32Array(1 << 10), new Int32Array(1 << 10)]

  constructor(
    private readonly texts: BandKeys,
    private readonly sets: Pieces,
  ) {
    this.similarity = texts.similarity
    this.permutations = texts.permutations
    this.bands = texts.bands
    this.chunkBits = Math.min(mostChunkBits, Math.floor(Math.log2(chunkKeys / texts.bands.bands)))
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
    this.checks = grown(this.checks, this.count)
    this.sizes[number] = hashes.length
    if (number >> this.chunkBits === this.chunks.length) this.chunks.push(new Int32Array(bands << this.chunkBits))
    if (hashes.length === 0) return
    this.places[number] = this.sets.write(new Int32Array(hashes.buffer, hashes.byteOffset, hashes.length), none)
    this.checks[number] = this.texts.check
    this.chunkOf(number).set(this.texts.keys, this.at(number))
  }

  private chunkOf(number: number): Int32Array {
    return this.chunks[number >> this.chunkBits]!
  }

  /** Where the keys of a text begin in their chunk. */
  private at(number: number): number {
    return (number & ((1 << this.chunkBits) - 1)) * this.bands.bands
  }

  /** Puts the text before it with the same key in the place of each key, some thousand at each step. */
  *link(): Generator<void> {
    // One for all: what is thrown away is not always gone when the next is made.
    const table = new BandTable(Math.max(1024, this.count))
    // The table counts only texts that have keys.
    const numbers = new Int32Array(this.count)
    for (let band = 0; band < this.bands.bands; band++) {
      table.clear()
      let entries = 0
      for (let number = 0; number < this.count; number++) {
        if ((number & 4095) === 0) yield
        const chunk = this.chunkOf(number)
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

  /** Decides over some texts at each step. What is left in the end are the matches. */
  *match(): Generator<void> {
    this.matched = new Int32Array(this.count).fill(-1)
    this.similarities = new Float64Array(this.count)
    this.seen = new Int32Array(this.count)
    for (let number = 0; number < this.count; number++) {
      this.matchOne(number)
      if ((number & 15) === 0) yield
    }
    this.chunks.length = 0
    this.seen = none
  }

  private matchOne(number: number): void {
    const chunk = this.chunkOf(number)
    const at = this.at(number)
    const { seen } = this
    const mark = number + 1
    let own: Uint32Array | undefined
    let best = -1
    let [of, done] = [-1, false]
    for (let band = 0; band < this.bands.bands; band++) {
      let other = this.keptFrom(chunk[at + band]!, band)
      // Whoever comes by here later is led past all that were left out.
      chunk[at + band] = other
      for (let left = longestChain; !done && other !== -1 && left > 0; other = this.before(other, band), left--) {
        // Compared already, in another band.
        if (seen[other] === mark) continue
        seen[other] = mark
        own ??= this.read(number, 0)
        const similarity = jaccard(own, this.read(other, 1))
        if (similarity < this.similarity || similarity <= best) continue
        if (similarity === 1 && this.checks[number] !== this.checks[other]) continue
        ;[best, of, done] = [similarity, other, similarity === 1]
      }
    }
    this.matched[number] = of
    this.similarities[number] = Math.max(0, best)
  }

  private before(number: number, band: number): number {
    return this.keptFrom(this.chunkOf(number)[this.at(number) + band]!, band)
  }

  /** A text itself if it was kept, else the one before it with the same key that was. */
  private keptFrom(number: number, band: number): number {
    let at = number
    while (at !== -1 && this.matched[at] !== -1) at = this.chunkOf(at)[this.at(at) + band]!
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
