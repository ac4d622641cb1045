/** Lists of numbers by 32-bit key, in typed arrays: open addressing, and chains of what shares a key. 12 bytes an entry. */
export class BandTable {
  private keys: Int32Array
  private heads: Int32Array
  private next: Int32Array
  private values: Int32Array
  private used = 0
  private count = 0

  constructor(capacity = 1024) {
    const size = 2 ** Math.ceil(Math.log2(capacity * 2))
    this.keys = new Int32Array(size)
    this.heads = new Int32Array(size).fill(-1)
    this.next = new Int32Array(capacity)
    this.values = new Int32Array(capacity)
  }

  /** The first entry of a key; -1 when there is none. */
  first(key: number): number {
    return this.heads[this.slot(key)]!
  }

  /** The next one, or -1. */
  after(entry: number): number {
    return this.next[entry]!
  }

  value(entry: number): number {
    return this.values[entry]!
  }

  add(key: number, value: number): void {
    if (this.count === this.next.length) {
      this.next = grown(this.next)
      this.values = grown(this.values)
    }
    if (2 * this.used >= this.heads.length) this.rehash()
    const slot = this.slot(key)
    if (this.heads[slot] === -1) {
      this.keys[slot] = key
      this.used++
    }
    this.next[this.count] = this.heads[slot]!
    this.values[this.count] = value
    this.heads[slot] = this.count++
  }

  private slot(key: number): number {
    const mask = this.heads.length - 1
    let slot = Math.imul(key ^ (key >>> 15), 0x9e3779b1) >>> 0
    slot = (slot ^ (slot >>> 13)) & mask
    while (this.heads[slot] !== -1 && this.keys[slot] !== key) slot = (slot + 1) & mask
    return slot
  }

  private rehash(): void {
    const { keys, heads } = this
    this.keys = new Int32Array(2 * keys.length)
    this.heads = new Int32Array(2 * heads.length).fill(-1)
    for (let i = 0; i < heads.length; i++) {
      if (heads[i] === -1) continue
      const slot = this.slot(keys[i]!)
      this.keys[slot] = keys[i]!
      this.heads[slot] = heads[i]!
    }
  }
}

function grown(list: Int32Array): Int32Array {
  const out = new Int32Array(2 * list.length)
  out.set(list)
  return out
}
