/** A hash table from pairs of integers to integers ≥ 0; open addressing, no allocation on look-up. */
export class PairTable {
  private keys: Int32Array
  private mask: number
  size = 0

  constructor(capacity: number) {
    let slots = 64
    while (slots < capacity * 2) slots *= 2
    this.mask = slots - 1
    this.keys = new Int32Array(slots * 3).fill(-1)
  }

  private slot(left: number, right: number): number {
    const keys = this.keys
    let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b)
    hash ^= hash >>> 15
    for (let i = hash & this.mask; ; i = (i + 1) & this.mask) {
      const at = i * 3
      if (keys[at + 2] === -1 || (keys[at] === left && keys[at + 1] === right)) return at
    }
  }

  /** The value of a pair, or -1. */
  get(left: number, right: number): number {
    return this.keys[this.slot(left, right) + 2]!
  }

  set(left: number, right: number, value: number): void {
    if (this.size * 2 > this.mask) this.grow()
    const at = this.slot(left, right)
    if (this.keys[at + 2] === -1) this.size++
    this.keys[at] = left
    this.keys[at + 1] = right
    this.keys[at + 2] = value
  }

  private grow(): void {
    const old = this.keys
    this.mask = this.mask * 2 + 1
    this.keys = new Int32Array((this.mask + 1) * 3).fill(-1)
    for (let at = 0; at < old.length; at += 3) {
      if (old[at + 2] === -1) continue
      const to = this.slot(old[at]!, old[at + 1]!)
      this.keys.set(old.subarray(at, at + 3), to)
    }
  }
}
