import { PairTable } from '../pair-table.js'
import { type Candidate, Candidates } from './candidates.js'

/** Words as symbols, with the count of every pair of neighbours kept up to date while pairs merge. */
export class PairCounts {
  private readonly index = new PairTable(1 << 14)
  private readonly lefts: number[] = []
  private readonly rights: number[] = []
  private readonly counts: number[] = []
  /** Words that gained a pair since it was last queued, by pair. */
  private readonly gained: (number[] | undefined)[] = []
  private touched: number[] = []
  private readonly queue = new Candidates()

  constructor(
    private readonly words: readonly Int32Array[],
    private readonly wordCounts: readonly number[],
  ) {
    this.lengths = Int32Array.from(words, (word) => word.length)
    for (const [w, word] of words.entries()) {
      for (let i = 1; i < word.length; i++) this.change(word[i - 1]!, word[i]!, 1, w)
    }
    this.queueTouched()
  }
  private readonly lengths: Int32Array

  private change(left: number, right: number, by: 1 | -1, word: number): void {
    let pair = this.index.get(left, right)
    if (pair < 0) {
      pair = this.counts.push(0) - 1
      this.lefts.push(left)
      this.rights.push(right)
      this.index.set(left, right, pair)
    }
    this.counts[pair]! += by * this.wordCounts[word]!
    if (by < 0) return
    const gained = this.gained[pair]
    if (gained === undefined) {
      this.gained[pair] = [word]
      this.touched.push(pair)
    } else if (gained.at(-1) !== word) gained.push(word)
  }

  private queueTouched(): void {
    for (const pair of this.touched) {
      const words = this.gained[pair] ?? []
      this.gained[pair] = undefined
      const count = this.counts[pair]!
      if (count > 0) this.queue.push({ pair, left: this.lefts[pair]!, right: this.rights[pair]!, words, count })
    }
    this.touched = []
  }

  /** The most frequent pair, or undefined when none is left. */
  next(): Candidate | undefined {
    for (;;) {
      const top = this.queue.pop()
      if (top === undefined) return undefined
      const count = this.counts[top.pair]!
      if (top.count === count) return top
      // Merges since it was queued took some of its occurrences away.
      top.count = count
      this.queue.push(top)
    }
  }

  /** Merges a pair into `id` in the words it was queued with. */
  merge({ left, right, words }: Candidate, id: number): void {
    for (const w of words) this.mergeWord(w, left, right, id)
    this.queueTouched()
  }

  private mergeWord(w: number, left: number, right: number, id: number): void {
    const word = this.words[w]!
    const length = this.lengths[w]!
    let n = 0
    for (let i = 0; i < length; i++) {
      const symbol = word[i]!
      if (symbol !== left || i + 1 >= length || word[i + 1] !== right) {
        word[n++] = symbol
        continue
      }
      if (n > 0) {
        this.change(word[n - 1]!, left, -1, w)
        this.change(word[n - 1]!, id, 1, w)
      }
      if (i + 2 < length) {
        this.change(right, word[i + 2]!, -1, w)
        this.change(id, word[i + 2]!, 1, w)
      }
      word[n++] = id
      i++
    }
    this.lengths[w] = n
  }
}
