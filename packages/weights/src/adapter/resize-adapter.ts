import { type ModelSpec, projectionShape, projections, QtError, uniform } from '@qt/core'
import { symmetricEigen } from '../merge/svd.js'
import type { Adapter, AdapterModule } from './adapter.js'

export interface ResizeAdapterOptions {
  /** By canonical name (`blk.0.attn_q.weight`); a module that is not named keeps its rank. */
  readonly ranks: ReadonlyMap<string, number>
  /** Of the numbers that new directions begin with; 1. */
  readonly seed?: number | undefined
}

/** Below this share of the largest, a direction holds nothing that was learned. */
const nothing = 1e-6

/**
 * The same adapter with other ranks. Directions are ordered by how much they change (the singular values of b · a): a lower rank keeps the
 * largest of them, which is the nearest adapter of that rank; a higher one adds directions that change nothing yet, as those of a new
 * adapter do. The scale of each module stays.
 *
 * @example
 * ```ts
 * const { spec } = await openModel('base.gguf')
 * const adapter = await readAdapter('adapter/', spec)
 * const smaller = resizeAdapter(adapter, spec, { ranks: new Map([['blk.0.attn_q.weight', 2]]) })
 * ```
 */
export function resizeAdapter(adapter: Adapter, spec: ModelSpec, { ranks, seed = 1 }: ResizeAdapterOptions): Adapter {
  const modules = [...adapter.modules].map(([name, module], stream): [string, AdapterModule] => {
    const rank = ranks.get(name) ?? module.rank
    const projection = projections.find((one) => name.endsWith(`.${one}.weight`))
    if (!(Number.isInteger(rank) && rank > 0) || projection === undefined)
      throw new QtError({ code: 'ADAPTER_INVALID', message: `${name} cannot have an adapter of the rank ${rank}.` })
    const [outputs, inputs] = projectionShape(spec, projection)
    const { scale, magnitude } = module
    const factors = resized(module, { rank, inputs, outputs }, (index) => uniform(seed, 'initialise', stream, index))
    const alpha = scale * (adapter.rankStabilised ? Math.sqrt(rank) : rank)
    return [name, { ...factors, rank, alpha, scale, ...(magnitude ? { magnitude } : {}) }]
  })
  return { ...adapter, modules: new Map(modules) }
}

interface Size {
  readonly rank: number
  readonly inputs: number
  readonly outputs: number
}

function resized({ a, b, rank: old }: AdapterModule, { rank, inputs, outputs }: Size, draw: (index: number) => number) {
  const turned = directions(a, b, { rank: old, inputs, outputs })
  const [newA, newB] = [new Float32Array(rank * inputs), new Float32Array(outputs * rank)]
  const learned = turned?.learned ?? 0
  for (let k = 0; k < rank; k++) {
    const row = newA.subarray(k * inputs, (k + 1) * inputs)
    if (turned && k < learned) {
      row.set(turned.a.subarray(k * inputs, (k + 1) * inputs))
      for (let i = 0; i < outputs; i++) newB[i * rank + k] = turned.b[i * old + k]!
    } else if (learned === 0 && k < old) row.set(a.subarray(k * inputs, (k + 1) * inputs))
    // As PEFT begins: uniform up to 1/√inputs, and b is 0.
    else for (let i = 0; i < inputs; i++) row[i] = (2 * draw(k * inputs + i) - 1) / Math.sqrt(inputs)
  }
  return { a: newA, b: newB }
}

/**
 * b · a in other factors, b′ = b·T and a′ = T⁻¹·a, whose columns and rows are its singular directions, each with the root of its value. By the
 * small Gram matrices: with aaᵀ = Q D Qᵀ and bᵀb = P E Pᵀ the singular values of b·a are those of √E Pᵀ Q √D. Undefined where b · a is 0.
 */
function directions(a: Float32Array, b: Float32Array, { rank, inputs, outputs }: Size) {
  const gramA = gram(rank, (i, j) => {
    let sum = 0
    for (let k = 0; k < inputs; k++) sum += a[i * inputs + k]! * a[j * inputs + k]!
    return sum
  })
  const gramB = gram(rank, (i, j) => {
    let sum = 0
    for (let k = 0; k < outputs; k++) sum += b[k * rank + i]! * b[k * rank + j]!
    return sum
  })
  // Rows of `vectors` are the eigenvectors.
  const [ofA, ofB] = [symmetricEigen(gramA, rank), symmetricEigen(gramB, rank)]
  const roots = (values: Float64Array) =>
    values.map((value) => (value > nothing ** 2 * Math.max(values[0]!, 0) ? Math.sqrt(value) : 0))
  const [rootA, rootB] = [roots(ofA.values), roots(ofB.values)]
  // The middle matrix √E Pᵀ Q √D, and the eigenvectors of m mᵀ: its left singular vectors.
  const m = new Float64Array(rank * rank)
  for (let i = 0; i < rank; i++)
    for (let j = 0; j < rank; j++) {
      let sum = 0
      for (let k = 0; k < rank; k++) sum += ofB.vectors[i * rank + k]! * ofA.vectors[j * rank + k]!
      m[i * rank + j] = rootB[i]! * sum * rootA[j]!
    }
  const left = symmetricEigen(
    gram(rank, (i, j) => {
      let sum = 0
      for (let k = 0; k < rank; k++) sum += m[i * rank + k]! * m[j * rank + k]!
      return sum
    }),
    rank,
  )
  const values = left.values.map((value) => Math.sqrt(Math.max(0, value)))
  const learned = values.findIndex((value) => !(value > nothing * values[0]! && value > 0))
  const count = learned < 0 ? rank : learned
  if (count === 0) return undefined
  const [newA, newB] = [new Float32Array(rank * inputs), new Float32Array(outputs * rank)]
  for (let k = 0; k < count; k++) {
    const root = Math.sqrt(values[k]!)
    // Column k of T = P E^−½ U √S, and row k of T⁻¹ = √S⁻¹ Uᵀ √E Pᵀ.
    const [forward, back] = [new Float64Array(rank), new Float64Array(rank)]
    for (let e = 0; e < rank; e++) {
      const u = left.vectors[k * rank + e]!
      if (rootB[e] === 0) continue
      for (let i = 0; i < rank; i++) {
        const p = ofB.vectors[e * rank + i]!
        forward[i]! += ((p * u) / rootB[e]!) * root
        back[i]! += (p * u * rootB[e]!) / root
      }
    }
    for (let i = 0; i < outputs; i++) {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += b[i * rank + r]! * forward[r]!
      newB[i * rank + k] = sum
    }
    for (let i = 0; i < inputs; i++) {
      let sum = 0
      for (let r = 0; r < rank; r++) sum += back[r]! * a[r * inputs + i]!
      newA[k * inputs + i] = sum
    }
  }
  return { a: newA, b: newB, learned: count }
}

function gram(size: number, entry: (i: number, j: number) => number): Float64Array {
  const out = new Float64Array(size * size)
  for (let i = 0; i < size; i++) for (let j = 0; j <= i; j++) out[i * size + j] = out[j * size + i] = entry(i, j)
  return out
}
