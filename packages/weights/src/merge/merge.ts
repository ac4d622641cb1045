import { type TensorType, usageError } from '@qt/core'
import { readAdapter } from '../adapter/read.js'
import { decodeBlocks } from '../blocks/decode.js'
import { encodeFloats, type FloatType } from '../blocks/encode.js'
import type { RowChange } from '../convert/tensor-stream.js'
import {
  defaultType,
  isQuantised,
  type WriteProgress,
  type WrittenModel,
  weightTypes,
  writeModel,
} from '../convert/write-model.js'
import { requireOther } from '../io/require-other.js'
import type { Model } from '../model/model.js'
import { openModel } from '../model/open-model.js'
import { deltaOf, towards, type WeightedMatrix, type WeightedModule } from './delta.js'
import { expectedSquaredError } from './quantisation-error.js'
import { untied } from './untied.js'

export interface MergeOptions {
  /** GGUF file or Hugging Face folder. */
  readonly base: string
  /** PEFT folders, and how much of each. */
  readonly adapters: readonly { readonly path: string; readonly weight?: number | undefined }[]
  readonly method?: 'linear' | undefined
  /** A path that ends in `.gguf`, or a folder. */
  readonly out: string
  readonly type?: FloatType | undefined
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface MergeReport extends WrittenModel {
  /** Tensors that an adapter changed. */
  readonly changed: number
  /** Frobenius norm of everything that was added. */
  readonly adapterNorm: number
  /** Frobenius norm of what rounding to the output's type took from the changed tensors. */
  readonly roundingNorm: number
  /** Sentences for the user: a quantised base, an adapter that rounding would erase. */
  readonly warnings: readonly string[]
  /** Present when the base is quantised. */
  readonly quantisedBase?: {
    readonly types: readonly TensorType[]
    /** Expected Frobenius norm of the rounding errors in the changed tensors. */
    readonly errorNorm: number | undefined
    /** errorNorm / adapterNorm: above 1 the base's own rounding is larger than what the adapter adds. */
    readonly ratio: number | undefined
    readonly warning: string
  }
}

/**
 * Adds adapters to a model for good: W + Σ weight · scale · B · A, and W + Σ weight · (W' − W) for a matrix W' that an adapter brings whole.
 *
 * @example
 * ```ts
 * const report = await merge({ base: 'base/', adapters: [{ path: 'adapter/', weight: 1 }], method: 'linear', out: 'merged/' })
 * report.changed // 210
 * ```
 */
export async function merge(options: MergeOptions): Promise<MergeReport> {
  const { adapters, method = 'linear', out, signal } = options
  if (adapters.length === 0)
    throw usageError('MERGE_EMPTY', 'There is no adapter to merge.', { actions: ['Name at least one adapter.'] })
  if (method !== 'linear') throw usageError('MERGE_METHOD', `The method ${String(method)} is not known; linear is.`)
  for (const input of [options.base, ...adapters.map(({ path }) => path)]) await requireOther(input, out)
  const base = await openModel(options.base, { signal })
  const saved = new Map<string, WeightedMatrix[]>()
  const parts = new Map<string, WeightedModule[]>()
  for (const { path, weight = 1 } of adapters) {
    if (!Number.isFinite(weight))
      throw usageError('MERGE_WEIGHT', `The weight of ${path} is not a number.`, { where: { file: path } })
    const adapter = await readAdapter(path, base.spec)
    for (const [name, values] of adapter.saved ?? []) saved.set(name, [...(saved.get(name) ?? []), { values, weight }])
    for (const [name, module] of adapter.modules) parts.set(name, [...(parts.get(name) ?? []), { module, weight }])
  }
  const model = saved.size > 0 ? untied(base) : base
  const type = options.type ?? defaultType(model, out)
  const sums = { added: 0, lost: 0 }
  const written = await writeModel(model, out, {
    ...options,
    type,
    change: (tensor) => {
      const [modules, matrices] = [parts.get(tensor), saved.get(tensor)]
      const change = modules ? deltaOf(modules) : matrices && towards(matrices)
      return change && measured(change, type, sums)
    },
  })
  const adapterNorm = Math.sqrt(sums.added)
  const roundingNorm = Math.sqrt(sums.lost)
  const changed = [...parts.keys(), ...saved.keys()]
  const quantisedBase = await quantisedReport(model, changed, adapterNorm)
  const warnings = [
    ...(quantisedBase === undefined ? [] : [quantisedBase.warning]),
    ...(roundingNorm > 0.5 * adapterNorm ? [roundingWarning(type, roundingNorm / adapterNorm)] : []),
  ]
  const report = { ...written, changed: changed.length, adapterNorm, roundingNorm, warnings }
  return quantisedBase === undefined ? report : { ...report, quantisedBase }
}

/** A change that also sums the squares of what it adds, and of what rounding to the output's type then takes away. */
function measured(change: RowChange, type: FloatType, sums: { added: number; lost: number }): RowChange {
  return async (values, firstRow, columns) => {
    const before = values.slice()
    await change(values, firstRow, columns)
    sums.added += squaredDistance(values, before)
    if (type !== 'F32') sums.lost += squaredDistance(values, decodeBlocks(type, encodeFloats(type, values)))
  }
}

function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2
  return sum
}

async function quantisedReport(
  model: Model,
  changed: readonly string[],
  adapterNorm: number,
): Promise<MergeReport['quantisedBase'] | undefined> {
  const types = weightTypes(model).filter(isQuantised)
  if (types.length === 0) return undefined
  let squares: number | undefined = 0
  for (const name of changed) {
    const info = model.tensors.get(name)!
    if (!isQuantised(info.type)) continue
    const error = await expectedSquaredError(info)
    squares = squares === undefined || error === undefined ? undefined : squares + error
  }
  const errorNorm = squares === undefined ? undefined : Math.sqrt(squares)
  const ratio = errorNorm === undefined || adapterNorm === 0 ? undefined : errorNorm / adapterNorm
  return { types, errorNorm, ratio, warning: quantisedWarning(types, ratio) }
}

function quantisedWarning(types: readonly TensorType[], ratio: number | undefined): string {
  const size = ratio === undefined ? '' : ` Its rounding errors are about ${times(ratio)} as large as what the adapter adds.`
  return `The base is quantised (${types.join(', ')}): the adapter was added to the dequantised weights, which is right only if it was trained on this base.${size}`
}

const roundingWarning = (type: FloatType, ratio: number): string =>
  `Rounding to ${type} takes away ${times(ratio)} as much as the adapter adds; write F32 to keep it whole.`

const times = (ratio: number): string => `${Number(ratio.toPrecision(2))} times`
