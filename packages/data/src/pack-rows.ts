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
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b)
  const open = new OpenRows(capacity)
  const rows: number[][] = []
  for (const piece of order) {
    const length = lengths[piece]!
    if (length > capacity) throw new RangeError(`a piece of ${length} does not fit a row of ${capacity}`)
    const row = open.take(length)
    if (row === undefined) {
      rows.push([piece])
      open.put(capacity - length, rows.length - 1)
    } else {
      rows[row.index]!.push(piece)
      open.put(row.space - length, row.index)
    }
  }
  for (const row of rows) row.sort((a, b) => a - b)
  return rows.sort((a, b) => a[0]! - b[0]!)
}

/** Rows by the space left in them; a segment tree over the spaces finds the smallest that is large enough. */
class OpenRows {
  private readonly leaves: number
  private readonly filled: Uint8Array
  private readonly rows = new Map<number, number[]>()

  constructor(capacity: number) {
    this.leaves = 2 ** Math.ceil(Math.log2(capacity + 1))
    this.filled = new Uint8Array(2 * this.leaves)
  }

  put(space: number, index: number): void {
    if (space === 0) return
    const list = this.rows.get(space)
    if (list) list.push(index)
    else this.rows.set(space, [index])
    for (let node = this.leaves + space; node >= 1; node >>= 1) this.filled[node] = 1
  }

  take(length: number): { space: number; index: number } | undefined {
    const space = this.smallest(length)
    if (space === undefined) return undefined
    const list = this.rows.get(space)!
    const index = list.pop()!
    if (list.length === 0) {
      this.rows.delete(space)
      let node = this.leaves + space
      this.filled[node] = 0
      for (node >>= 1; node >= 1; node >>= 1) this.filled[node] = this.filled[2 * node]! | this.filled[2 * node + 1]!
    }
    return { space, index }
  }

  private smallest(length: number): number | undefined {
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
