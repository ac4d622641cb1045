import type { Codebook } from './codebooks.js'

/** Writes the values of a point, negated where a bit of `signs` is set. */
export function putPoint(book: Codebook, point: number, signs: number, scale: number, out: Float32Array, to: number): void {
  for (let i = 0; i < book.width; i++) {
    const value = scale * book.values[book.level(point, i)]!
    out[to + i] = (signs >> i) & 1 ? -value : value
  }
}

/** Writes the values of a point of −1, 0 and 1, all moved up or down by ⅛. */
export function putShifted(book: Codebook, point: number, down: boolean, scale: number, out: Float32Array, to: number): void {
  for (let i = 0; i < 8; i++) out[to + i] = scale * (book.values[book.level(point, i)]! + (down ? -0.125 : 0.125))
}
