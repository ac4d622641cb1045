const worthKeeping = 1 << 16

/** A growing list of token ids. */
export class Ids {
  private data: Uint32Array
  length = 0

  constructor(capacity = 64) {
    this.data = new Uint32Array(Math.max(capacity, 16))
  }

  push(id: number): void {
    if (this.length === this.data.length) this.reserve(1)
    this.data[this.length++] = id
  }

  /** Appends `source[from, to)`. */
  append(source: Uint32Array, from: number, to: number): void {
    if (this.length + to - from > this.data.length) this.reserve(to - from)
    const data = this.data
    let n = this.length
    for (let i = from; i < to; i++) data[n++] = source[i]!
    this.length = n
  }

  /** Appends them all; for few `append` is faster. */
  appendAll(list: Uint32Array): void {
    if (this.length + list.length > this.data.length) this.reserve(list.length)
    this.data.set(list, this.length)
    this.length += list.length
  }

  private reserve(more: number): void {
    const grown = new Uint32Array(Math.max(this.data.length * 2, this.length + more))
    grown.set(this.data)
    this.data = grown
  }

  at(index: number): number {
    return this.data[index]!
  }

  /** Ends the list: what is nearly full is given away as it is, since new memory costs more than it looks. */
  toArray(): Uint32Array {
    const { data, length } = this
    return length > worthKeeping && length * 4 > data.length * 3 ? data.subarray(0, length) : data.slice(0, length)
  }
}
