import type { Codebook } from '@qt/weights'

/**
 * A codebook as encoders see it: a point is a code, the levels of its values in `bits` bits each, lowest first. Not every code is a
 * point; for the others the points nearby are listed.
 */
export interface Grid {
  readonly width: number
  readonly bits: number
  /** The point of a code, or −1. */
  readonly pointOf: Int32Array
  /** Codes of the points at the smallest few distances from a code: nearest first, of equal distance the first point first. */
  near(code: number): Uint16Array
}

/** `levels` is how many each value has, `nearest` how many different distances are listed. */
export function gridOf(book: Codebook, bits: number, nearest: number): Grid {
  const { width, points } = book
  const codes = Uint16Array.from({ length: points }, (_, point) => {
    let code = 0
    for (let i = 0; i < width; i++) code |= book.level(point, i) << (bits * i)
    return code
  })
  const pointOf = new Int32Array(1 << (width * bits)).fill(-1)
  codes.forEach((code, point) => {
    pointOf[code] = point
  })
  const level = (code: number, i: number) => (code >> (bits * i)) & ((1 << bits) - 1)
  const lists = new Map<number, Uint16Array>()
  const list = (code: number) => {
    const distances = codes.map((point) => {
      let sum = 0
      for (let i = 0; i < width; i++) sum += (level(point, i) - level(code, i)) ** 2
      return sum
    })
    const listed = [...new Set(distances)].sort((a, b) => a - b).slice(0, nearest)
    return Uint16Array.from(listed.flatMap((distance) => [...codes].filter((_, point) => distances[point] === distance)))
  }
  return {
    width,
    bits,
    pointOf,
    near(code) {
      const found = lists.get(code) ?? list(code)
      lists.set(code, found)
      return found
    },
  }
}
