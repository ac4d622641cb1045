import type { Pieces } from './token-store.js'

const chunkTokens = 1 << 20

/** Pieces in large chunks: 8 bytes a token, no copy when it grows. */
export class MemoryPieces implements Pieces {
  private readonly chunks: { ids: Int32Array; labels: Int32Array; first: number }[] = []
  private used = 0

  write(ids: Int32Array, labels: Int32Array): number {
    let last = this.chunks.at(-1)
    if (last === undefined || this.used + ids.length > last.ids.length) {
      // The first chunks are small, so that a little data stays little.
      const size = Math.max(ids.length, Math.min(chunkTokens, 4096 << Math.min(8, this.chunks.length)))
      last = {
        ids: new Int32Array(size),
        labels: new Int32Array(size),
        first: last === undefined ? 0 : last.first + last.ids.length,
      }
      this.chunks.push(last)
      this.used = 0
    }
    last.ids.set(ids, this.used)
    last.labels.set(labels, this.used)
    this.used += ids.length
    return last.first + this.used - ids.length
  }

  read(place: number, ids: Int32Array, labels: Int32Array): void {
    let [low, high] = [0, this.chunks.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.chunks[middle]!.first <= place) low = middle
      else high = middle - 1
    }
    const chunk = this.chunks[low]!
    const from = place - chunk.first
    ids.set(chunk.ids.subarray(from, from + ids.length))
    labels.set(chunk.labels.subarray(from, from + labels.length))
  }

  close(): void {
    this.chunks.length = 0
  }
}
