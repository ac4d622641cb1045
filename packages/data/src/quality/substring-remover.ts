import { usageError } from '@qt/core'

export interface RemovedSubstrings {
  readonly text: string
  /** Letters that were taken out. */
  readonly removed: number
}

/**
 * Takes out of texts what stood in an earlier one, or earlier in the same: every run of at least `words` words that was seen before (Lee et
 * al. 2022, "Deduplicating training data makes language models better", who take 50 tokens). The first occurrence stays. Runs are found
 * by rolling hashes of 52 bits; 16 to 32 bytes of memory a word, 48 while the table grows.
 *
 * @example
 * ```ts
 * const remover = new SubstringRemover({ words: 8 })
 * remover.remove('All rights reserved. No part of this page may be copied. One.').removed // 0
 * remover.remove('Two. All rights reserved. No part of this page may be copied.').text // 'Two. '
 * ```
 */
export class SubstringRemover {
  readonly words: number
  private seen = new Float64Array(1 << 12)
  private count = 0
  /** base^(words - 1) of both hashes: what the oldest word of a window weighs. */
  private readonly oldest: readonly [number, number]

  constructor({ words = 50 }: { words?: number } = {}) {
    if (!(Number.isInteger(words) && words >= 2 && words <= 65536))
      throw usageError('DATA_OPTION', `A run has a whole number of words from 2 to 65536, not ${words}.`, {
        actions: ['Use 50.'],
      })
    this.words = words
    const power = (base: number): number => {
      let out = 1
      for (let i = 1; i < words; i++) out = Math.imul(out, base)
      return out
    }
    this.oldest = [power(baseA), power(baseB)]
  }

  /** The text without the runs that were there before; what is left of it counts as seen from now on. */
  remove(text: string): RemovedSubstrings {
    const found = [...text.matchAll(/[\p{L}\p{N}]+(?:['’][\p{L}\p{N}]+)*/gu)]
    const hashes = found.map(([word]) => hashWord(word.toLowerCase()))
    const repeated = new Uint8Array(found.length)
    let [a, b] = [0, 0]
    for (let i = 0; i < hashes.length; i++) {
      const gone = i >= this.words ? hashes[i - this.words]! : undefined
      if (gone !== undefined) {
        a = (a - Math.imul(gone, this.oldest[0])) | 0
        b = (b - Math.imul(gone, this.oldest[1])) | 0
      }
      a = (Math.imul(a, baseA) + hashes[i]!) | 0
      b = (Math.imul(b, baseB) + hashes[i]!) | 0
      if (i + 1 < this.words) continue
      // Never 0, which means an empty place.
      const key = (a >>> 0) * 2 ** 20 + ((b >>> 0) & 0xfffff) + 1
      if (this.has(key)) repeated.fill(1, i + 1 - this.words, i + 1)
      else this.add(key)
    }
    if (!repeated.includes(1)) return { text, removed: 0 }
    let out = ''
    let from = 0
    for (let i = 0; i < found.length; ) {
      if (repeated[i] === 0) {
        i++
        continue
      }
      let to = i
      while (to + 1 < found.length && repeated[to + 1] === 1) to++
      out += text.slice(from, found[i]!.index)
      const last = found[to]!
      from = last.index + last[0].length
      // The mark that ends the run goes with it.
      while (from < text.length && /[.!?…,;:)\]"'»”]/.test(text[from]!)) from++
      i = to + 1
    }
    out += text.slice(from)
    return { text: out, removed: text.length - out.length }
  }

  private has(key: number): boolean {
    const mask = this.seen.length - 1
    for (let at = placeOf(key) & mask; this.seen[at] !== 0; at = (at + 1) & mask) if (this.seen[at] === key) return true
    return false
  }

  private add(key: number): void {
    if (2 * this.count >= this.seen.length) {
      const old = this.seen
      this.seen = new Float64Array(2 * old.length)
      for (const one of old) if (one !== 0) this.put(one)
    }
    this.put(key)
    this.count++
  }

  private put(key: number): void {
    const mask = this.seen.length - 1
    let at = placeOf(key) & mask
    while (this.seen[at] !== 0) at = (at + 1) & mask
    this.seen[at] = key
  }
}

const baseA = 0x01000193
const baseB = 0x9e3779b1 | 0

/** 32 bits of a key of 53, mixed as MurmurHash3 ends: tables of any size are filled evenly. */
export function placeOf(key: number): number {
  let hash = (key >>> 0) ^ Math.imul(Math.floor(key / 2 ** 32), 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function hashWord(word: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193)
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
}
