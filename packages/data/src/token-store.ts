import { ignoreLabel, type PackedRow } from '@qt/core'

const chunkTokens = 1 << 20

/** Documents as ids and shifted labels in large chunks: 8 bytes a token, no copy when it grows. */
export class TokenStore {
  private readonly chunks: { ids: Int32Array; labels: Int32Array }[] = []
  private readonly at: { chunk: number; offset: number; length: number; weight: number }[] = []
  private used = 0

  /**
   * Adds a document, cut into pieces of at most `longest` tokens. Labels come unshifted; a piece that was cut off still predicts
   * the first token of the next one, so every token but a document's first is predicted exactly once.
   */
  add(ids: ArrayLike<number>, labels: ArrayLike<number>, longest: number, weight = 1): void {
    for (let from = 0; from < ids.length; from += longest) {
      const length = Math.min(longest, ids.length - from)
      // The last token of a cut document was predicted by the piece before; alone it predicts nothing.
      if (from > 0 && length === 1) break
      const { chunk, offset } = this.reserve(length)
      const target = this.chunks[chunk]!
      for (let i = 0; i < length; i++) {
        target.ids[offset + i] = ids[from + i]!
        target.labels[offset + i] = from + i + 1 < ids.length ? labels[from + i + 1]! : ignoreLabel
      }
      this.at.push({ chunk, offset, length, weight })
    }
  }

  /** Lengths of the pieces, in order. */
  lengths(): number[] {
    return this.at.map(({ length }) => length)
  }

  /** Pieces side by side as one row. */
  row(pieces: ArrayLike<number>): PackedRow {
    const documents = new Int32Array(pieces.length + 1)
    for (let i = 0; i < pieces.length; i++) documents[i + 1] = documents[i]! + this.at[pieces[i]!]!.length
    const ids = new Int32Array(documents[pieces.length]!)
    const labels = new Int32Array(ids.length)
    const weighed = Array.from(pieces).some((piece) => this.at[piece]!.weight !== 1)
    const weights = weighed ? new Float32Array(ids.length) : undefined
    for (let i = 0; i < pieces.length; i++) {
      const { chunk, offset, length, weight } = this.at[pieces[i]!]!
      weights?.fill(weight, documents[i]!, documents[i]! + length)
      const source = this.chunks[chunk]!
      ids.set(source.ids.subarray(offset, offset + length), documents[i]!)
      labels.set(source.labels.subarray(offset, offset + length), documents[i]!)
    }
    return weights ? { ids, labels, documents, weights } : { ids, labels, documents }
  }

  private reserve(length: number): { chunk: number; offset: number } {
    const last = this.chunks.at(-1)
    if (last === undefined || this.used + length > last.ids.length) {
      // The first chunks are small, so that a little data stays little.
      const size = Math.max(length, Math.min(chunkTokens, 4096 << Math.min(8, this.chunks.length)))
      this.chunks.push({ ids: new Int32Array(size), labels: new Int32Array(size) })
      this.used = 0
    }
    const offset = this.used
    this.used += length
    return { chunk: this.chunks.length - 1, offset }
  }
}
