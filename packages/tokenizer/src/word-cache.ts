import type { Ids } from './ids.js'

// About 13 MB when full: fewer words are forgotten too often in 20 MB of source code.
const slots = 1 << 18
const maxEntries = slots >> 1
const maxCharacters = 1 << 21
const maxIds = 1 << 20

/** Longer words are rare: they are not worth their room. */
export const longestCachedWord = 64

/**
 * Words to ids. Looks words up inside the text, so that nothing is allocated for a known word, and copies
 * what it keeps. Bounded: when full it starts anew.
 */
export class WordCache {
  private readonly hashes = new Int32Array(slots)
  /** Per slot: start and length of the word, start and length of its ids. */
  private readonly entries = new Int32Array(slots * 4)
  private readonly characters = new Uint16Array(maxCharacters)
  private readonly ids = new Uint32Array(maxIds)
  private count = 0
  private usedCharacters = 0
  private usedIds = 0
  private slot = 0
  private hash = 0

  /** Appends the ids of a known word; remembers where an unknown one belongs, for `keep`. */
  copy(text: string, from: number, to: number, out: Ids): boolean {
    const length = to - from
    let hash = length
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
    hash ^= hash >>> 15
    if (hash === 0) hash = 1
    const { hashes, entries, characters } = this
    let slot = hash & (slots - 1)
    for (;;) {
      const seen = hashes[slot]!
      if (seen === 0) break
      if (seen === hash && entries[slot * 4 + 1] === length) {
        const start = entries[slot * 4]!
        let i = 0
        while (i < length && characters[start + i] === text.charCodeAt(from + i)) i++
        if (i === length) {
          const first = entries[slot * 4 + 2]!
          out.append(this.ids, first, first + entries[slot * 4 + 3]!)
          return true
        }
      }
      slot = (slot + 1) & (slots - 1)
    }
    this.slot = slot
    this.hash = hash
    return false
  }

  /** Keeps the word `copy` just missed: its ids are those in `out` from `first` on. */
  keep(text: string, from: number, to: number, out: Ids, first: number): void {
    const length = to - from
    const count = out.length - first
    if (this.count >= maxEntries || this.usedCharacters + length > maxCharacters || this.usedIds + count > maxIds) {
      this.hashes.fill(0)
      this.count = this.usedCharacters = this.usedIds = 0
      this.slot = this.hash & (slots - 1)
    }
    const { slot, entries } = this
    this.hashes[slot] = this.hash
    entries[slot * 4] = this.usedCharacters
    entries[slot * 4 + 1] = length
    entries[slot * 4 + 2] = this.usedIds
    entries[slot * 4 + 3] = count
    for (let i = from; i < to; i++) this.characters[this.usedCharacters++] = text.charCodeAt(i)
    for (let i = first; i < out.length; i++) this.ids[this.usedIds++] = out.at(i)
    this.count++
  }
}
