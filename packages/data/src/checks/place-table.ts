/** Places by 53-bit hashes, in typed arrays: a Map takes four times the memory and ends at 16 million entries. 21 to 64 bytes an entry. */
export class PlaceTable {
  size = 0
  private hashes = new Float64Array(1024)
  /** One more than the place; 0: free. */
  private places = new Float64Array(1024)

  get(hash: number): number | undefined {
    const place = this.places[this.slot(hash)]!
    return place === 0 ? undefined : place - 1
  }

  has(hash: number): boolean {
    return this.places[this.slot(hash)] !== 0
  }

  set(hash: number, place: number): void {
    if (4 * this.size >= 3 * this.places.length) this.rehash()
    const slot = this.slot(hash)
    if (this.places[slot] === 0) this.size++
    this.hashes[slot] = hash
    this.places[slot] = place + 1
  }

  private slot(hash: number): number {
    const mask = this.places.length - 1
    const mixed = Math.imul((hash >>> 0) ^ Math.floor(hash / 4294967296), 0x9e3779b1)
    let slot = (mixed ^ (mixed >>> 15)) & mask
    while (this.places[slot] !== 0 && this.hashes[slot] !== hash) slot = (slot + 1) & mask
    return slot
  }

  private rehash(): void {
    const { hashes, places } = this
    this.hashes = new Float64Array(2 * places.length)
    this.places = new Float64Array(2 * places.length)
    for (let i = 0; i < places.length; i++) {
      if (places[i] === 0) continue
      const slot = this.slot(hashes[i]!)
      this.hashes[slot] = hashes[i]!
      this.places[slot] = places[i]!
    }
  }
}
