/** Which neighbours merge: `find` gives an index into `ranks` (lower merges first) and `results`, or -1. */
export interface Merges {
  find(left: number, right: number): number
  readonly ranks: Int32Array
  readonly results: Int32Array
}

/** Above this many symbols a heap beats looking for the smallest rank each time. */
const shortWord = 48
const positions = 2 ** 31

/**
 * Byte-pair merging: the pair of lowest rank first, of equal ranks the leftmost, until none is left.
 * Works in place on `symbols[0, count)` and returns the new count. Negative symbols never merge.
 */
export function mergeSymbols(symbols: Int32Array, count: number, merges: Merges): number {
  return count <= shortWord ? mergeShort(symbols, count, merges) : mergeLong(symbols, count, merges)
}

const never = 0x7fffffff
const found = new Int32Array(shortWord)
/** The rank of each pair, beside each other so that looking for the smallest reads nothing else. */
const rankOf = new Int32Array(shortWord)

function pairOf(merges: Merges, left: number, right: number): number {
  return left < 0 || right < 0 ? -1 : merges.find(left, right)
}

function mergeShort(symbols: Int32Array, count: number, merges: Merges): number {
  let n = count
  const { ranks, results } = merges
  const look = (i: number): void => {
    const pair = pairOf(merges, symbols[i]!, symbols[i + 1]!)
    found[i] = pair
    rankOf[i] = pair < 0 ? never : ranks[pair]!
  }
  for (let i = 0; i + 1 < n; i++) look(i)
  for (;;) {
    let best = -1
    let bestRank = never
    for (let i = 0; i + 1 < n; i++) {
      if (rankOf[i]! < bestRank) {
        best = i
        bestRank = rankOf[i]!
      }
    }
    if (best < 0) return n
    symbols[best] = results[found[best]!]!
    n--
    for (let i = best + 1; i < n; i++) {
      symbols[i] = symbols[i + 1]!
      found[i] = found[i + 1]!
      rankOf[i] = rankOf[i + 1]!
    }
    if (best > 0) look(best - 1)
    if (best + 1 < n) look(best)
  }
}

/**
 * The same with BPE dropout (Provilkov et al., https://arxiv.org/abs/1910.13267) as Hugging Face's tokenizers do it: a pair that `drops` leaves
 * out waits for the next one that merges.
 */
export const mergeDropping = (symbols: Int32Array, count: number, merges: Merges, drops: () => boolean): number =>
  mergeLong(symbols, count, merges, drops)

/** O(n log n): a binary heap of rank·2³¹ + position over a linked list; outdated entries are skipped when they surface. */
function mergeLong(symbols: Int32Array, count: number, merges: Merges, drops?: () => boolean): number {
  const { ranks, results } = merges
  const next = new Int32Array(count)
  const previous = new Int32Array(count)
  // Each merge takes one entry away and adds at most two, so 3 × count is enough.
  const heap = new Float64Array(count * 3)
  let size = 0
  for (let i = 0; i < count; i++) {
    next[i] = i + 1 < count ? i + 1 : -1
    previous[i] = i - 1
    const pair = i + 1 < count ? pairOf(merges, symbols[i]!, symbols[i + 1]!) : -1
    if (pair >= 0) heap[size++] = ranks[pair]! * positions + i
  }
  const sink = (from: number, value: number) => {
    let i = from
    for (;;) {
      let child = 2 * i + 1
      if (child >= size) break
      if (child + 1 < size && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= value) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = value
  }
  const push = (value: number) => {
    let i = size++
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (heap[parent]! <= value) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = value
  }
  for (let i = (size >> 1) - 1; i >= 0; i--) sink(i, heap[i]!)

  const dead = -0x80000000
  const waiting: number[] = []
  while (size > 0) {
    const top = heap[0]!
    size--
    if (size > 0) sink(0, heap[size]!)
    if (drops?.()) {
      waiting.push(top)
      continue
    }
    while (waiting.length > 0) push(waiting.pop()!)
    const rank = Math.floor(top / positions)
    const i = top - rank * positions
    if (symbols[i] === dead) continue
    const right = next[i]!
    if (right < 0) continue
    const pair = pairOf(merges, symbols[i]!, symbols[right]!)
    if (pair < 0 || ranks[pair] !== rank) continue
    symbols[i] = results[pair]!
    symbols[right] = dead
    const after = next[right]!
    next[i] = after
    if (after >= 0) {
      previous[after] = i
      const wider = pairOf(merges, symbols[i]!, symbols[after]!)
      if (wider >= 0) push(ranks[wider]! * positions + i)
    }
    const before = previous[i]!
    if (before >= 0) {
      const wider = pairOf(merges, symbols[before]!, symbols[i]!)
      if (wider >= 0) push(ranks[wider]! * positions + before)
    }
  }
  let n = 0
  for (let i = 0; i >= 0; i = next[i]!) symbols[n++] = symbols[i]!
  return n
}
