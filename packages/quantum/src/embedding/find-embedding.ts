import { QtError } from '@qt/core'
import { adjacencyOf, type QuadraticModel } from '../quadratic.js'
import { uniformNumbers } from '../solvers/uniform-numbers.js'
import type { HardwareGraph } from './hardware-graph.js'
import { Heap, type Paths, shortestPaths } from './shortest-paths.js'
import { around, type Target, targetOf } from './target.js'

/** The qubits of each variable: a chain, connected, that no other variable uses. */
export type Embedding = readonly (readonly number[])[]

export interface EmbeddingOptions {
  readonly seed?: number | undefined
  /** Beginnings of the search; 8. */
  readonly tries?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Finds qubits for the variables of a model, so that every coupling has a coupler between the two chains. Each variable in turn is placed
 * where the paths to its neighbours are cheapest; qubits used by several chains get dearer until none is. Then chains are made shorter.
 * After Cai, Macready, Roy, "A practical heuristic for finding graph minors", arXiv 1406.2741. Deterministic by seed.
 *
 * @example
 * ```ts
 * const triangle = quadraticModel({ couplings: [[0, 1, 1], [1, 2, 1], [0, 2, 1]] })
 * findEmbedding(triangle, chimeraGraph(1), { seed: 1 }) // [[…], [… , …], […]]: a cell has no triangles, so one chain has two qubits
 * ```
 */
export function findEmbedding(model: QuadraticModel, graph: HardwareGraph, options: EmbeddingOptions = {}): Embedding {
  const { seed = 1, tries = 8, signal } = options
  const source = adjacencyOf(model)
  const draw = uniformNumbers(seed)
  let needed = 0
  for (let i = 0; i < model.size; i++) needed += 2 + (source.offsets[i + 1]! - source.offsets[i]!) / 3
  const fits = model.size <= graph.nodes.length && model.values.length <= graph.edges.length
  for (let attempt = 0, count = 3 * needed + 16; fits && attempt < tries; attempt++, count *= 2) {
    signal?.throwIfAborted()
    const chains = embed(source, model.size, targetOf(around(graph, count)), draw, signal)
    if (chains) return chains
  }
  throw new QtError({
    code: 'EMBEDDING_NOT_FOUND',
    message: `No place was found for ${model.size} variables with ${model.values.length} couplings among ${graph.nodes.length} qubits.`,
    actions: [
      'Leave small couplings out, or fix variables: presolve(model) may do so.',
      'Use a hybrid solver, which needs no embedding.',
      'Try another seed.',
    ],
  })
}

type Source = ReturnType<typeof adjacencyOf>

/** What passing through a node costs, which so many other chains use. */
type Price = (uses: number, node: number) => number

const passes = 80
const shortenings = 4

function embed(
  source: Source,
  size: number,
  target: Target,
  draw: () => number,
  signal: AbortSignal | undefined,
): Embedding | undefined {
  const chains: number[][] = Array.from({ length: size }, () => [])
  const usage = new Uint16Array(target.size)
  const search = chainSearch(target, usage, draw)
  const neighboursOf = (i: number) => Array.from(source.neighbours.subarray(source.offsets[i]!, source.offsets[i + 1]!))
  const place = (i: number, price: Price): boolean => {
    for (const node of chains[i]!) usage[node]!--
    const chain = search(
      neighboursOf(i).flatMap((j) => (chains[j]!.length > 0 ? [chains[j]!] : [])),
      price,
    )
    if (chain === undefined) {
      for (const node of chains[i]!) usage[node]!++
      return false
    }
    chains[i] = chain
    for (const node of chain) usage[node]!++
    return true
  }
  let order = byNeighbours(source, size)
  let most = Number.POSITIVE_INFINITY
  // As routers of circuits do: what was wanted by several chains stays dear, or they would chase each other in circles.
  const disputed = new Float64Array(target.size)
  for (let pass = 0, base = 2; pass < passes && most > 1; pass++, base = Math.min(8, 1.2 * base)) {
    signal?.throwIfAborted()
    // Those that dispute a node leave together, every other time: one alone would only come back.
    if (pass % 2 === 1)
      for (const i of order.filter((i) => draw() < 0.1 || chains[i]!.some((node) => usage[node]! > 1))) {
        for (const node of chains[i]!) usage[node]!--
        chains[i] = []
      }
    for (const i of order) if (!place(i, (uses, node) => (1 + disputed[node]!) * base ** uses)) return undefined
    most = 0
    for (let node = 0; node < target.size; node++) {
      most = Math.max(most, usage[node]!)
      if (usage[node]! > 1) disputed[node]! += usage[node]! - 1
    }
    order = shuffled(order, draw)
  }
  if (most > 1) return undefined
  for (let pass = 0; pass < shortenings; pass++) {
    let shorter = false
    for (const i of order) {
      const before = chains[i]!
      place(i, (uses) => (uses > 0 ? Number.POSITIVE_INFINITY : 1))
      if (chains[i]!.length > before.length) {
        for (const node of chains[i]!) usage[node]!--
        for (const node of before) usage[node]!++
        chains[i] = before
      } else shorter ||= chains[i]!.length < before.length
    }
    if (!shorter) break
  }
  return chains.map((chain) => chain.map((node) => target.qubits[node]!))
}

/** Breadth first from the variable with most neighbours, so that each one joins what is placed already. */
function byNeighbours({ offsets, neighbours }: Source, size: number): number[] {
  const degree = (i: number) => offsets[i + 1]! - offsets[i]!
  const starts = Array.from({ length: size }, (_, i) => i).sort((a, b) => degree(b) - degree(a))
  const seen = new Uint8Array(size)
  const order: number[] = []
  for (const start of starts) {
    if (seen[start] === 1) continue
    seen[start] = 1
    order.push(start)
    for (let head = order.length - 1; head < order.length; head++)
      for (const next of neighbours.subarray(offsets[order[head]!]!, offsets[order[head]! + 1]!))
        if (seen[next] === 0) {
          seen[next] = 1
          order.push(next)
        }
  }
  return order
}

function shuffled(order: readonly number[], draw: () => number): number[] {
  const list = [...order]
  for (let k = list.length - 1; k > 0; k--) {
    const other = Math.floor(draw() * (k + 1))
    ;[list[k], list[other]] = [list[other]!, list[k]!]
  }
  return list
}

/** Finds the cheapest chain that touches every one of the given chains; undefined where there is none. */
function chainSearch(target: Target, usage: Uint16Array, draw: () => number) {
  const weights = new Float64Array(target.size)
  const total = new Float64Array(target.size)
  const heap = new Heap()
  const pool: Paths[] = []
  return (others: readonly (readonly number[])[], price: Price): number[] | undefined => {
    // Dead ends are dearer; a little noise, or equal places would always be taken in the same order.
    for (let node = 0; node < target.size; node++) {
      const ways = target.offsets[node + 1]! - target.offsets[node]!
      weights[node] = price(usage[node]!, node) * (1 + 0.1 * draw() + 1 / (1 + ways))
    }
    total.set(weights)
    others.forEach((chain, k) => {
      pool[k] ??= { cost: new Float64Array(target.size), from: new Int32Array(target.size) }
      shortestPaths(target, chain, weights, pool[k], heap)
      const { cost } = pool[k]
      for (let node = 0; node < target.size; node++) total[node]! += cost[node]!
    })
    let root = 0
    for (let node = 1; node < target.size; node++) if (total[node]! < total[root]!) root = node
    if (total[root] === Number.POSITIVE_INFINITY) return undefined
    const chain = new Set([root])
    others.forEach((other, k) => {
      const ends = new Set(other)
      // The root may lie in the other chain itself, and then touches it.
      for (let node = root; !ends.has(node); node = pool[k]!.from[node]!) chain.add(node)
    })
    return [...chain]
  }
}
