import type { Target } from './target.js'

/** Costs of paths from a chain to every node, both ends left out, and the node that each path comes from. */
export interface Paths {
  readonly cost: Float64Array
  readonly from: Int32Array
}

/** Dijkstra from a set of nodes over costs of nodes. `into` is reused between calls. */
export function shortestPaths(target: Target, chain: readonly number[], weights: Float64Array, into: Paths, heap: Heap): void {
  const { offsets, neighbours } = target
  const { cost, from } = into
  cost.fill(Number.POSITIVE_INFINITY)
  heap.clear()
  for (const node of chain) {
    cost[node] = 0
    from[node] = -1
  }
  // The neighbours of a chain are reached without passing through anything.
  for (const node of chain)
    for (let e = offsets[node]!; e < offsets[node + 1]!; e++) {
      const next = neighbours[e]!
      if (cost[next] !== Number.POSITIVE_INFINITY) continue
      cost[next] = 0
      from[next] = node
      heap.push(next, 0)
    }
  for (let node = heap.pop(); node >= 0; node = heap.pop()) {
    const through = cost[node]! + weights[node]!
    if (heap.key > cost[node]! || through === Number.POSITIVE_INFINITY) continue
    for (let e = offsets[node]!; e < offsets[node + 1]!; e++) {
      const next = neighbours[e]!
      if (through >= cost[next]!) continue
      cost[next] = through
      from[next] = node
      heap.push(next, through)
    }
  }
}

/** A binary heap of nodes by cost; a node may be in it more than once. */
export class Heap {
  /** Of the node that was popped last. */
  key = 0
  private nodes: number[] = []
  private keys: number[] = []

  clear(): void {
    this.nodes.length = 0
    this.keys.length = 0
  }

  push(node: number, key: number): void {
    const { nodes, keys } = this
    let at = nodes.length
    nodes.push(node)
    keys.push(key)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (keys[parent]! <= key) break
      nodes[at] = nodes[parent]!
      keys[at] = keys[parent]!
      at = parent
    }
    nodes[at] = node
    keys[at] = key
  }

  /** The node of least cost, or −1. */
  pop(): number {
    const { nodes, keys } = this
    if (nodes.length === 0) return -1
    const top = nodes[0]!
    this.key = keys[0]!
    const node = nodes.pop()!
    const key = keys.pop()!
    const count = nodes.length
    if (count > 0) {
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= count) break
        if (child + 1 < count && keys[child + 1]! < keys[child]!) child++
        if (keys[child]! >= key) break
        nodes[at] = nodes[child]!
        keys[at] = keys[child]!
        at = child
      }
      nodes[at] = node
      keys[at] = key
    }
    return top
  }
}
