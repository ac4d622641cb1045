import type { TensorInfo, TensorType } from '@qt/core'
import { typeForRows } from '../fallback.js'
import { type Category, categoryOf, isValues, layerOf } from './category.js'
import type { ModelFacts } from './facts.js'
import { type FileType, fileTypes } from './file-types.js'
import { isQuantised } from './quantised.js'
import {
  attentionOutputType,
  downType,
  embeddingType,
  gateOrUpType,
  isLowest,
  keysOrQueriesType,
  lowestType,
  outputType,
  type Ruled,
  valuesType,
} from './rules.js'

export interface MixtureOptions {
  /** Every tensor gets the base type. */
  readonly pure?: boolean | undefined
  /** The first pattern found in a tensor's name decides. */
  readonly tensorTypes?: readonly TensorTypeRule[] | undefined
  readonly outputType?: TensorType | undefined
  readonly embeddingType?: TensorType | undefined
  /** `output.weight` stays as it is. */
  readonly leaveOutput?: boolean | undefined
  /** Is there an importance matrix? */
  readonly importance?: boolean | undefined
}

export interface TensorTypeRule {
  readonly pattern: string | RegExp
  readonly type: TensorType
}

type Named = Pick<TensorInfo, 'name' | 'shape' | 'type'>

/** The type of every tensor in a file of a type: llama.cpp's mixtures, its exceptions and its stand-ins for rows that do not divide. */
export function mixture(
  fileType: FileType,
  tensors: readonly Named[],
  model: ModelFacts,
  options: MixtureOptions = {},
): Map<string, TensorType> {
  const rules = (options.tensorTypes ?? []).map(({ pattern, type }) => ({ pattern: new RegExp(pattern), type }))
  const tied = !tensors.some(({ name }) => name === 'output.weight')
  const values = tensors.filter(({ name }) => isValues(categoryOf(name))).length
  const seen = { values: 0, down: 0, gate: 0, up: 0 }
  const base: TensorType = fileTypes[fileType].base
  const floats = base === 'F32' || base === 'F16' || base === 'BF16'

  const decide = (tensor: Named): TensorType => {
    const { name, shape } = tensor
    const category = categoryOf(name)
    if (!isQuantised(tensor) || (options.leaveOutput && name === 'output.weight')) return tensor.type
    const columns = shape.at(-1)!
    if (category === 'embedding' && options.embeddingType) return options.embeddingType
    if (category === 'output' && options.outputType) return options.outputType
    if (floats) return base
    const asked = rules.find(({ pattern }) => pattern.test(name))?.type
    const type = asked ?? (options.pure ? base : byCategory(name, shape, category))
    return typeForRows(type, columns)
  }

  const byCategory = (name: string, shape: readonly number[], category: Category): TensorType => {
    const ruled = (kind: keyof typeof seen | undefined, count = 0): Ruled => ({
      fileType,
      base,
      category,
      columns: shape.at(-1)!,
      stacked: (shape.at(-3) ?? 1) > 1,
      index: kind === undefined ? 0 : kind !== 'values' && model.experts > 1 ? (layerOf(name) ?? 0) : seen[kind],
      count,
      model,
      importance: options.importance ?? false,
    })
    const next = <T>(kind: keyof typeof seen, type: T): T => {
      seen[kind]++
      return type
    }
    if (category === 'output' || (tied && category === 'embedding')) return options.outputType ?? outputType(ruled(undefined))
    if (fileType === 'MXFP4_MOE') return ruled(undefined).stacked ? 'MXFP4' : 'Q8_0'
    if (category === 'embedding') return embeddingType(ruled(undefined))
    if (isLowest(fileType)) {
      if (isValues(category)) return next('values', lowestType(ruled(undefined), true))
      // These count tensors also in models of experts.
      const down = { ...ruled(undefined, model.layers), index: seen.down }
      return category === 'ffn-down' ? next('down', lowestType(down, false)) : lowestType(down, false)
    }
    if (isValues(category)) return next('values', valuesType(ruled('values', values)))
    switch (category) {
      case 'attention-k':
      case 'attention-q':
        return keysOrQueriesType(ruled(undefined))
      case 'ffn-down':
        return next('down', downType(ruled('down', model.layers)))
      case 'attention-output':
        return attentionOutputType(ruled(undefined))
      case 'ffn-gate':
        return next('gate', gateOrUpType(ruled('gate', model.layers)))
      case 'ffn-up':
        return next('up', gateOrUpType(ruled('up', model.layers)))
      default:
        return base
    }
  }

  // Counted layer by layer, whatever their order in the file.
  const ordered = [...tensors].sort((a, b) => (layerOf(a.name) ?? -1) - (layerOf(b.name) ?? -1) || (a.name < b.name ? -1 : 1))
  return new Map(ordered.map((tensor) => [tensor.name, decide(tensor)]))
}
