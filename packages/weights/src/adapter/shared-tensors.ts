import { type ModelSpec, projectionShape, projections, usageError } from '@qt/core'
import type { TensorEntry } from '../architectures/architecture.js'
import { architectureNamed } from '../architectures/index.js'
import { modulePath } from '../model/names.js'
import { type AdapterModule, adapterScale } from './adapter.js'

/** A module as files have it: where an architecture keeps several projections in one tensor (Phi-3's q, k and v), of all of them. */
export interface FileModule {
  /** In a GGUF file: `blk.0.attn_qkv.weight`. */
  readonly name: string
  /** In Hugging Face's model: `model.layers.0.self_attn.qkv_proj`. */
  readonly path: string
  /** Canonical names of the projections whose rows it has, in order. */
  readonly projections: readonly string[]
  readonly outputs: number
  readonly inputs: number
  readonly module: AdapterModule
}

interface Sizes {
  /** Rows of each projection. */
  readonly rows: readonly number[]
  readonly inputs: number
  readonly rankStabilised: boolean
}

const pathOf = (layer: string, entry: TensorEntry): string =>
  `model.layers.${layer}.${entry.huggingFace.replace(/\.weight$/, '')}`

/** Outputs and inputs of a canonical name: `blk.0.attn_q.weight`. */
function shapeOf(name: string, spec: ModelSpec): readonly [number, number] {
  const projection = projections.find((one) => name.endsWith(`.${one}.weight`))
  return projection === undefined ? [0, 0] : projectionShape(spec, projection)
}

/** The modules of an adapter as files have them; a name that the architecture does not have is left out. */
export function fileModules(modules: ReadonlyMap<string, AdapterModule>, spec: ModelSpec, rankStabilised: boolean): FileModule[] {
  const architecture = architectureNamed(spec.architecture)
  const found = new Map<string, FileModule>()
  for (const [name, module] of modules) {
    const [, layer = '', rest] = /^blk\.(\d+)\.(.+)$/.exec(name) ?? []
    const shared = architecture.blockTensors.find(({ parts }) => parts?.some((part) => part.name === rest))
    const path = shared ? pathOf(layer, shared) : modulePath(architecture, name)
    if (path === undefined || found.has(path)) continue
    if (shared?.parts === undefined) {
      const [outputs, inputs] = shapeOf(name, spec)
      found.set(path, { name, path, projections: [name], outputs, inputs, module })
      continue
    }
    const names = shared.parts.map((part) => `blk.${layer}.${part.name}`)
    const rows = names.map((one) => shapeOf(one, spec)[0])
    const inputs = shapeOf(name, spec)[1]
    const parts = names.map((one) => modules.get(one))
    requireWhole(path, parts)
    found.set(path, {
      name: `blk.${layer}.${shared.name}`,
      path,
      projections: names,
      outputs: rows.reduce((sum, count) => sum + count, 0),
      inputs,
      module: joinModules(parts, { rows, inputs, rankStabilised }),
    })
  }
  return [...found.values()]
}

/** The lengths of rows without an adapter are not known here. */
function requireWhole(path: string, parts: readonly (AdapterModule | undefined)[]): void {
  const turned = parts.filter((part) => part?.magnitude !== undefined).length
  if (turned > 0 && turned < parts.length) throw partlyTurned(path)
}

/** What is said of DoRA on some of the projections that lie in one tensor. */
export const partlyTurned = (path: string, field = path) =>
  usageError('ADAPTER_UNSUPPORTED', `DoRA on a part of ${path} cannot be written: there is one tensor of all of it.`, {
    where: { field },
    actions: ['Take all projections of that tensor as targets, or none.', 'Or train LoRA, which may have any of them.'],
  })

/**
 * One module of several, whose rows follow each other: [A₁; A₂; …] and B with each part's columns in its own rows, zero elsewhere. Parts with
 * the same A share it, as PEFT's have when they are read. Scales that differ go into B.
 */
function joinModules(parts: readonly (AdapterModule | undefined)[], { rows, inputs, rankStabilised }: Sizes): AdapterModule {
  const present = parts.filter((part) => part !== undefined)
  const different: AdapterModule[] = []
  for (const part of present) if (!different.some((other) => sameA(other, part))) different.push(part)
  const rank = different.reduce((sum, part) => sum + part.rank, 0)
  const a = new Float32Array(rank * inputs)
  const columnOf = new Map<AdapterModule, number>()
  let column = 0
  for (const part of different) {
    columnOf.set(part, column)
    a.set(part.a, column * inputs)
    column += part.rank
  }
  const scale = present.reduce((most, part) => (Math.abs(part.scale) > Math.abs(most) ? part.scale : most), 0)
  const outputs = rows.reduce((sum, count) => sum + count, 0)
  const b = new Float32Array(outputs * rank)
  const magnitude = new Float32Array(outputs)
  let firstRow = 0
  for (const [i, part] of parts.entries()) {
    if (part) {
      const first = columnOf.get(different.find((other) => sameA(other, part))!)!
      const factor = scale === 0 ? 1 : part.scale / scale
      for (let row = 0; row < rows[i]!; row++)
        for (let r = 0; r < part.rank; r++) b[(firstRow + row) * rank + first + r] = factor * part.b[row * part.rank + r]!
      if (part.magnitude) magnitude.set(part.magnitude, firstRow)
    }
    firstRow += rows[i]!
  }
  const [one] = present
  const alike = present.every((part) => part.rank === one!.rank && part.alpha === one!.alpha)
  const alpha = alike ? one!.alpha * larger(rank / one!.rank, rankStabilised) : scale * larger(rank, rankStabilised)
  return { a, b, rank, alpha, scale, ...(one?.magnitude ? { magnitude } : {}) }
}

/** What α has to be multiplied with for the same scale at so many times the rank. */
const larger = (times: number, rankStabilised: boolean): number => (rankStabilised ? Math.sqrt(times) : times)

const sameA = (one: AdapterModule, other: AdapterModule): boolean =>
  one === other || (one.rank === other.rank && one.a.every((value, i) => value === other.a[i]))

/**
 * The modules of the projections that lie in one tensor: all have its A, and each its own rows of B. Where every direction serves one
 * projection only, as in what `fileModules` joins, each keeps just its own; one that has none is undefined.
 */
export function splitModule(module: AdapterModule, { rows, inputs, rankStabilised }: Sizes): (AdapterModule | undefined)[] {
  const own = ownDirections(module, rows)
  let first = 0
  return rows.map((count, part) => {
    const [begin, end] = [first, first + count]
    first = end
    const b = module.b.slice(begin * module.rank, end * module.rank)
    const magnitude = module.magnitude && { magnitude: module.magnitude.slice(begin, end) }
    const kept = own?.[part]
    if (kept === undefined) return { ...module, b, ...magnitude }
    if (kept.length === 0) return undefined
    const rank = kept.length
    const alpha = module.alpha * larger(rank / module.rank, rankStabilised)
    return {
      a: Float32Array.from(kept.flatMap((r) => [...module.a.subarray(r * inputs, (r + 1) * inputs)])),
      b: Float32Array.from({ length: count * rank }, (_, i) => b[Math.floor(i / rank) * module.rank + kept[i % rank]!]!),
      rank,
      alpha,
      scale: adapterScale(rank, alpha, rankStabilised),
      ...magnitude,
    }
  })
}

/** Of each projection the directions that only it uses; undefined where one serves several, or none yet. */
function ownDirections({ b, rank, magnitude }: AdapterModule, rows: readonly number[]): number[][] | undefined {
  const own: number[][] = rows.map(() => [])
  for (let r = 0; r < rank; r++) {
    let first = 0
    const users = rows.flatMap((count, part) => {
      const begin = first
      first += count
      for (let row = begin; row < first; row++) if (b[row * rank + r] !== 0) return [part]
      return []
    })
    if (users.length !== 1) return undefined
    own[users[0]!]!.push(r)
  }
  // A row that DoRA turns needs a module, with a direction or not.
  return magnitude && own.some((list) => list.length === 0) ? undefined : own
}
