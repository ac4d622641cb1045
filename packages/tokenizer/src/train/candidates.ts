/** A pair that could merge next, with the words that held it when it was queued. */
export interface Candidate {
  readonly pair: number
  readonly left: number
  readonly right: number
  readonly words: readonly number[]
  count: number
}

/** More frequent first; of equal ones the pair with the smaller ids. */
const before = (a: Candidate, b: Candidate): boolean =>
  a.count !== b.count ? a.count > b.count : a.left !== b.left ? a.left < b.left : a.right < b.right

/** A priority queue of candidates. */
export class Candidates {
  private readonly heap: Candidate[] = []

  push(candidate: Candidate): void {
    const { heap } = this
    let i = heap.length
    heap.push(candidate)
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!before(candidate, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = candidate
  }

  pop(): Candidate | undefined {
    const { heap } = this
    const top = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return top
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
    return top
  }
}
