import { ignoreLabel, type PackedRow } from '@qt/core'
import { grown } from './grown.js'
import { MemoryPieces } from './memory-pieces.js'

/** Where the numbers of pieces lie: in memory, or in a file. */
export interface Pieces {
  /** Keeps ids and their shifted labels; gives the place to read them from. */
  write(ids: Int32Array, labels: Int32Array): number
  /** Copies them into the beginning of two arrays. */
  read(place: number, ids: Int32Array, labels: Int32Array): void
  close(): void
}

export interface CutOptions {
  /** Tokens that a piece may have. */
  readonly longest: number
  /** Tokens of the piece before that a piece begins with, to be read and not learned again. */
  readonly overlap?: number
  readonly weight?: number
}

/** Documents as pieces of ids and shifted labels. Of each piece 13 bytes are in memory, 17 once one has a weight, wherever its numbers lie. */
export class TokenStore {
  private count = 0
  private places = new Float64Array(1024)
  private sizes = new Int32Array(1024)
  private trained = new Uint8Array(1024)
  /** Made at the first weight that is not 1. */
  private weights: Float32Array | undefined

  constructor(private readonly pieces: Pieces = new MemoryPieces()) {}

  /**
   * Adds a document, cut into pieces of at most `longest` tokens. Labels come unshifted; a piece that was cut off still predicts
   * the first token of the next one, so every token but a document's first is predicted exactly once.
   */
  add(ids: ArrayLike<number>, labels: ArrayLike<number>, { longest, overlap = 0, weight = 1 }: CutOptions): void {
    let predicted = 0
    // What is left after the last token was predicted would predict nothing.
    for (let from = 0; from === 0 ? ids.length > 0 : predicted < ids.length - 1; from += longest - overlap) {
      const length = Math.min(longest, ids.length - from)
      const piece = { ids: new Int32Array(length), labels: new Int32Array(length) }
      let trainable = 0
      for (let i = 0; i < length; i++) {
        const next = from + i + 1
        piece.ids[i] = ids[from + i]!
        const label = next > predicted && next < ids.length ? labels[next]! : ignoreLabel
        piece.labels[i] = label
        if (label !== ignoreLabel) trainable++
      }
      predicted = Math.min(from + length, ids.length - 1)
      const number = this.count++
      this.places = grown(this.places, this.count)
      this.sizes = grown(this.sizes, this.count)
      this.trained = grown(this.trained, this.count)
      this.places[number] = this.pieces.write(piece.ids, piece.labels)
      this.sizes[number] = length
      this.trained[number] = trainable > 0 && weight > 0 ? 1 : 0
      if (weight !== 1 || this.weights) this.weigh(number, weight)
    }
  }

  private weigh(piece: number, weight: number): void {
    this.weights ??= new Float32Array(this.sizes.length).fill(1)
    this.weights = grown(this.weights, this.count)
    this.weights[piece] = weight
  }

  /** Lengths of the pieces, in order. */
  lengths(): Int32Array {
    return this.sizes.subarray(0, this.count)
  }

  /** Whether any token of a piece carries loss that counts. */
  learns(piece: number): boolean {
    return this.trained[piece] === 1
  }

  /** Pieces side by side as one row. */
  row(pieces: ArrayLike<number>): PackedRow {
    const documents = new Int32Array(pieces.length + 1)
    for (let i = 0; i < pieces.length; i++) documents[i + 1] = documents[i]! + this.sizes[pieces[i]!]!
    const ids = new Int32Array(documents[pieces.length]!)
    const labels = new Int32Array(ids.length)
    const { weights: all } = this
    const weights = all && Array.from(pieces).some((piece) => all[piece] !== 1) ? new Float32Array(ids.length) : undefined
    for (let i = 0; i < pieces.length; i++) {
      const [from, to] = [documents[i]!, documents[i + 1]!]
      weights?.fill(all?.[pieces[i]!] ?? 1, from, to)
      this.pieces.read(this.places[pieces[i]!]!, ids.subarray(from, to), labels.subarray(from, to))
    }
    return weights ? { ids, labels, documents, weights } : { ids, labels, documents }
  }

  close(): void {
    this.pieces.close()
  }
}
