/** Lists of pieces, one after another: those of row i are pieces[starts[i]] to pieces[starts[i + 1] - 1]. */
export interface FlatRows {
  readonly starts: Int32Array
  readonly pieces: Int32Array
}

/**
 * Packs pieces into rows of at most `capacity` by best-fit decreasing: the longest first, each into the fullest row that takes
 * it. No piece is cut. Deterministic, O(n log capacity). Ding et al., "Fewer truncations improve language modeling", 2024,
 * https://arxiv.org/abs/2404.10830
 *
 * Rows, and the pieces within one, come in the order in which the pieces were given.
 *
 * @example
 * ```ts
 * packRows([3, 5, 2, 6], 8) // [[0, 1], [2, 3]]
 * ```
 */
export function packRows(lengths: readonly number[], capacity: number): number[][] {
  const { starts, pieces } = packFlat(lengths, capacity)
  return Array.from({ length: starts.length - 1 }, (_, row) => [...pieces.subarray(starts[row], starts[row + 1])])
}

/** The same in a few bytes a piece, for millions of them. */
export function packFlat(lengths: ArrayLike<number>, capacity: number): FlatRows {
  const count = lengths.length
  const order = longestFirst(lengths, capacity)
  const rowOf = new Int32Array(count)
  const open = new OpenRows(capacity, count)
  let rows = 0
  for (const piece of order) {
    const length = lengths[piece]!
    const space = open.smallest(length)
    rowOf[piece] = space === undefined ? rows++ : open.take(space)
    open.put((space ?? capacity) - length, rowOf[piece]!)
  }
  // Rows are numbered by their first pieces; `order` is not needed any more and takes the pieces.
  const numbers = new Int32Array(rows).fill(-1)
  const starts = new Int32Array(rows + 1)
  let next = 0
  for (let piece = 0; piece < count; piece++) {
    const row = rowOf[piece]!
    if (numbers[row] === -1) numbers[row] = next++
    rowOf[piece] = numbers[row]!
    starts[numbers[row]! + 1]!++
  }
  for (let row = 0; row < rows; row++) starts[row + 1]! += starts[row]!
  const ends = numbers
  ends.set(starts.subarray(0, rows))
  for (let piece = 0; piece < count; piece++) order[ends[rowOf[piece]!]!++] = piece
  return { starts, pieces: order }
}

/** The numbers of the pieces by length, those of one length in their order. */
function longestFirst(lengths: ArrayLike<number>, capacity: number): Int32Array {
  const before = new Int32Array(capacity + 2)
  for (let piece = 0; piece < lengths.length; piece++) {
    const length = lengths[piece]!
    if (length > capacity) throw new RangeError(`a piece of ${length} does not fit a row of ${capacity}`)
    before[capacity - length + 1]!++
  }
  for (let shorter = 1; shorter <= capacity; shorter++) before[shorter]! += before[shorter - 1]!
  const order = new Int32Array(lengths.length)
  for (let piece = 0; piece < lengths.length; piece++) order[before[capacity - lengths[piece]!]!++] = piece
  return order
}

/** Rows by the space left in them, the latest of each first; a segment tree over the spaces finds the smallest that is large enough. */
class OpenRows {
  private readonly leaves: number
  private readonly filled: Uint8Array
  /** Of each space its latest row, of each row the one before it with the same space; -1 ends a list. */
  private readonly latest: Int32Array
  private readonly before: Int32Array

  constructor(capacity: number, most: number) {
    this.leaves = 2 ** Math.ceil(Math.log2(capacity + 1))
    this.filled = new Uint8Array(2 * this.leaves)
    this.latest = new Int32Array(capacity + 1).fill(-1)
    this.before = new Int32Array(most)
  }

  put(space: number, row: number): void {
    if (space === 0) return
    this.before[row] = this.latest[space]!
    this.latest[space] = row
    for (let node = this.leaves + space; node >= 1 && this.filled[node] === 0; node >>= 1) this.filled[node] = 1
  }

  /** The latest row of a space that `smallest` gave. */
  take(space: number): number {
    const row = this.latest[space]!
    this.latest[space] = this.before[row]!
    if (this.latest[space] === -1) {
      let node = this.leaves + space
      this.filled[node] = 0
      for (node >>= 1; node >= 1; node >>= 1) this.filled[node] = this.filled[2 * node]! | this.filled[2 * node + 1]!
    }
    return row
  }

  /** The smallest space for a length that a row has. */
  smallest(length: number): number | undefined {
    let node = this.leaves + length
    // Up until a filled neighbour lies to the right, then down to its leftmost leaf.
    while (this.filled[node] === 0) {
      while (node > 1 && (node & 1) === 1) node >>= 1
      if (node <= 1) return undefined
      node++
    }
    while (node < this.leaves) node = this.filled[2 * node] === 1 ? 2 * node : 2 * node + 1
    return node - this.leaves
  }
}
