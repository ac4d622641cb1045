import { grown } from '../grown.js'

/**
 * The numbers 0, 1, 2 … by 32-bit key, in typed arrays: open addressing, and chains of what shares a key. 4 bytes a number and 8 a slot, of
 * which at most half are used. A slot's key and its last number lie together: one access of memory that is not in the cache finds both.
 */
export class BandTable {
  /** Of each slot its key and the last number of it, plus 1; 0: free. */
  private slots: Int32Array
  /** Of each number the one before it that has its key, or -1. */
  private before: Int32Array
  private used = 0
  private count = 0

  constructor(capacity = 1024) {
    this.slots = new Int32Array(2 * 2 ** Math.ceil(Math.log2(capacity * 2)))
    this.before = new Int32Array(capacity)
  }

  clear(): void {
    this.slots.fill(0)
    this.used = 0
    this.count = 0
  }

  /** The last number of a key; -1 when there is none. */
  last(key: number): number {
    return this.slots[this.slot(key) + 1]! - 1
  }

  /** The number before one that has the same key, or -1. */
  previous(number: number): number {
    return this.before[number]!
  }

  /** Adds the next number. */
  add(key: number): void {
    this.before = grown(this.before, this.count + 1)
    if (4 * this.used >= this.slots.length) this.rehash()
    const slot = this.slot(key)
    const last = this.slots[slot + 1]!
    if (last === 0) {
      this.slots[slot] = key
      this.used++
    }
    this.before[this.count++] = last - 1
    this.slots[slot + 1] = this.count
  }

  private slot(key: number): number {
    const { slots } = this
    const mask = slots.length - 1
    let hash = Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> 0
    hash = ((hash ^ (hash >>> 13)) << 1) & mask
    while (slots[hash + 1] !== 0 && slots[hash] !== key) hash = (hash + 2) & mask
    return hash
  }

  private rehash(): void {
    const { slots } = this
    this.slots = new Int32Array(2 * slots.length)
    for (let i = 0; i < slots.length; i += 2) {
      if (slots[i + 1] === 0) continue
      const slot = this.slot(slots[i]!)
      this.slots[slot] = slots[i]!
      this.slots[slot + 1] = slots[i + 1]!
    }
  }
}
