import type { HardwareGraph } from './hardware-graph.js'

/** A hardware graph as the search walks through it: nodes numbered from 0, neighbours in rows. */
export interface Target {
  readonly size: number
  /** The qubit of each node. */
  readonly qubits: Int32Array
  readonly offsets: Uint32Array
  readonly neighbours: Uint32Array
}

export function targetOf({ nodes, edges }: HardwareGraph): Target {
  const place = new Map(nodes.map((qubit, k) => [qubit, k]))
  const inside = edges.flatMap(([a, b]) => {
    const [i, j] = [place.get(a), place.get(b)]
    return i === undefined || j === undefined ? [] : [[i, j] as const]
  })
  const offsets = new Uint32Array(nodes.length + 1)
  for (const [i, j] of inside) {
    offsets[i + 1]!++
    offsets[j + 1]!++
  }
  for (let i = 0; i < nodes.length; i++) offsets[i + 1]! += offsets[i]!
  const at = offsets.slice(0, nodes.length)
  const neighbours = new Uint32Array(2 * inside.length)
  for (const [i, j] of inside) {
    neighbours[at[i]!++] = j
    neighbours[at[j]!++] = i
  }
  return { size: nodes.length, qubits: Int32Array.from(nodes), offsets, neighbours }
}

/**
 * About `count` nodes around the middle of a graph: a small problem searches a small neighbourhood many times faster. Nodes at its border
 * that have lost most of their neighbours are left out, since chains that begin there find no way on.
 */
export function around(graph: HardwareGraph, count: number): HardwareGraph {
  if (count >= graph.nodes.length) return graph
  const target = targetOf(graph)
  const { offsets, neighbours } = target
  const queue = [middleOf(target)]
  const seen = new Uint8Array(target.size)
  seen[queue[0]!] = 1
  for (let head = 0; head < queue.length && queue.length < count; head++)
    for (let e = offsets[queue[head]!]!; e < offsets[queue[head]! + 1]!; e++) {
      const next = neighbours[e]!
      if (seen[next] === 1) continue
      seen[next] = 1
      queue.push(next)
    }
  for (let round = 0; round < 3; round++)
    for (const node of queue) {
      let inside = 0
      for (let e = offsets[node]!; e < offsets[node + 1]!; e++) inside += seen[neighbours[e]!]!
      if (2 * inside < offsets[node + 1]! - offsets[node]!) seen[node] = 0
    }
  return { nodes: graph.nodes.filter((_, node) => seen[node] === 1), edges: graph.edges }
}

/** Halfway between two nodes that are far from each other. */
function middleOf(target: Target): number {
  const first = farthest(target, 0)
  const path = farthest(target, first.at(-1)!)
  return path[Math.floor(path.length / 2)]!
}

/** A shortest path to a node that is farthest from `start`. */
function farthest(target: Target, start: number): number[] {
  const from = new Int32Array(target.size).fill(-1)
  from[start] = start
  const queue = [start]
  for (const node of queue)
    for (let e = target.offsets[node]!; e < target.offsets[node + 1]!; e++) {
      const next = target.neighbours[e]!
      if (from[next]! >= 0) continue
      from[next] = node
      queue.push(next)
    }
  const path: number[] = []
  for (let node = queue.at(-1)!; ; node = from[node]!) {
    path.unshift(node)
    if (node === start) return path
  }
}
