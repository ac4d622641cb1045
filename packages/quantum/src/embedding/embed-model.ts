import { usageError } from '@qt/core'
import { adjacencyOf, nameOf, type QuadraticModel, type Solution } from '../quadratic.js'
import { toSpin } from '../vartype.js'
import type { Embedding } from './find-embedding.js'
import type { HardwareGraph } from './hardware-graph.js'

/** An Ising problem of qubits. Where every chain agrees its energy is that of the model, less `offset`. */
export interface EmbeddedModel {
  readonly linear: ReadonlyMap<number, number>
  readonly couplings: readonly (readonly [number, number, number])[]
  readonly offset: number
}

/**
 * How strongly the qubits of a chain are tied together: √2 times the root mean square of the couplings times the root of the average
 * number of neighbours, which outweighs the pull that random neighbours have on the ends of a chain ("uniform torque compensation").
 */
export function chainStrengthOf(model: QuadraticModel): number {
  const { size, linear, values } = toSpin(model)
  if (values.length === 0) return Math.max(1e-9, ...linear.map(Math.abs))
  const squares = values.reduce((sum, value) => sum + value * value, 0)
  return Math.SQRT2 * Math.sqrt(squares / values.length) * Math.sqrt((2 * values.length) / size)
}

/**
 * Writes a model for the qubits of an embedding: fields are shared evenly by a chain, couplings by the couplers between two chains, and
 * the couplers inside a chain get −chainStrength.
 */
export function embedModel(
  model: QuadraticModel,
  embedding: Embedding,
  graph: HardwareGraph,
  { chainStrength = chainStrengthOf(model) }: { readonly chainStrength?: number | undefined } = {},
): EmbeddedModel {
  if (!(chainStrength > 0 && Number.isFinite(chainStrength)))
    throw usageError('QUBO_OPTION', `"chainStrength" is ${chainStrength}.`, {
      where: { field: 'chainStrength' },
      actions: ['Give a positive number, in the units of the model.'],
    })
  const { size, offset, linear, rows, columns, values } = toSpin(model)
  const owner = ownersOf(model, embedding, graph)
  const inside: (readonly [number, number])[] = []
  const between = new Map<string, (readonly [number, number])[]>()
  for (const [a, b] of graph.edges) {
    const [i, j] = [owner.get(a), owner.get(b)]
    if (i === undefined || j === undefined) continue
    const pair = a < b ? ([a, b] as const) : ([b, a] as const)
    if (i === j) inside.push(pair)
    else {
      const key = i < j ? `${i} ${j}` : `${j} ${i}`
      const there = between.get(key)
      if (there) there.push(pair)
      else between.set(key, [pair])
    }
  }
  checkChains(model, embedding, inside)
  const fields = new Map<number, number>()
  for (let i = 0; i < size; i++) for (const qubit of embedding[i]!) fields.set(qubit, linear[i]! / embedding[i]!.length)
  const couplings: [number, number, number][] = inside.map(([a, b]) => [a, b, -chainStrength])
  for (let k = 0; k < values.length; k++) {
    const places = between.get(`${rows[k]} ${columns[k]}`)
    if (places === undefined)
      throw broken(`no coupler joins the chains of ${nameOf(model, rows[k]!)} and ${nameOf(model, columns[k]!)}`)
    for (const [a, b] of places) couplings.push([a, b, values[k]! / places.length])
  }
  return { linear: fields, couplings, offset: offset + chainStrength * inside.length }
}

/** A solution of the model from the bits of qubits: the majority of a chain decides; where it is split, what costs less. */
export function unembed(
  model: QuadraticModel,
  embedding: Embedding,
  bitOf: (qubit: number) => number,
): { solution: Solution; broken: number } {
  const solution = new Uint8Array(model.size)
  const split: number[] = []
  let brokenChains = 0
  embedding.forEach((chain, i) => {
    const ones = chain.reduce((sum, qubit) => sum + bitOf(qubit), 0)
    if (ones > 0 && ones < chain.length) brokenChains++
    if (2 * ones === chain.length) split.push(i)
    solution[i] = 2 * ones > chain.length ? 1 : 0
  })
  if (split.length > 0) {
    const spins = toSpin(model)
    const { offsets, neighbours, couplings } = adjacencyOf(spins)
    for (const i of split) {
      let field = spins.linear[i]!
      for (let e = offsets[i]!; e < offsets[i + 1]!; e++)
        field += spins.values[couplings[e]!]! * (solution[neighbours[e]!] === 1 ? 1 : -1)
      solution[i] = field < 0 ? 1 : 0
    }
  }
  return { solution, broken: model.size === 0 ? 0 : brokenChains / model.size }
}

function ownersOf(model: QuadraticModel, embedding: Embedding, graph: HardwareGraph): Map<number, number> {
  if (embedding.length !== model.size) throw broken(`it has ${embedding.length} chains for ${model.size} variables`)
  const there = new Set(graph.nodes)
  const owner = new Map<number, number>()
  embedding.forEach((chain, i) => {
    if (chain.length === 0) throw broken(`${nameOf(model, i)} has no qubit`)
    for (const qubit of chain) {
      if (!there.has(qubit)) throw broken(`the machine has no qubit ${qubit}`)
      if (owner.has(qubit)) throw broken(`qubit ${qubit} is in two chains`)
      owner.set(qubit, i)
    }
  })
  return owner
}

/** Every chain has to hang together. */
function checkChains(model: QuadraticModel, embedding: Embedding, inside: readonly (readonly [number, number])[]): void {
  const root = new Map<number, number>()
  const find = (qubit: number): number => {
    const up = root.get(qubit)
    if (up === undefined || up === qubit) return qubit
    const top = find(up)
    root.set(qubit, top)
    return top
  }
  for (const [a, b] of inside) root.set(find(a), find(b))
  embedding.forEach((chain, i) => {
    if (new Set(chain.map(find)).size > 1) throw broken(`the qubits of ${nameOf(model, i)} are not connected`)
  })
}

const broken = (why: string) =>
  usageError('EMBEDDING_INVALID', `The embedding does not fit: ${why}.`, {
    actions: ['Find one for this model and machine: findEmbedding(model, graph).'],
  })
