import type { TensorInfo, TensorType } from '@qt/core'
import { typeForRows } from '../fallback.js'
import { categoryOf } from '../mixture/category.js'
import type { MixtureOptions } from '../mixture/mixture.js'

export type FixedTypes = Pick<MixtureOptions, 'tensorTypes' | 'outputType' | 'embeddingType' | 'leaveOutput'>

/**
 * The type that a tensor must get whatever it loses, as `mixture` reads the same options; undefined: it is to be chosen.
 *
 * @param tied the embedding is the output, too
 */
export function fixedTypes({ tensorTypes = [], outputType, embeddingType, leaveOutput }: FixedTypes, tied: boolean) {
  const rules = tensorTypes.map(({ pattern, type }) => ({ pattern: new RegExp(pattern), type }))
  return ({ name, shape, type }: TensorInfo): TensorType | undefined => {
    if (leaveOutput && name === 'output.weight') return type
    const category = categoryOf(name)
    if (category === 'embedding' && embeddingType) return embeddingType
    if (category === 'output' && outputType) return outputType
    const rule = rules.find(({ pattern }) => pattern.test(name))?.type
    const asked = rule ?? (tied && category === 'embedding' ? outputType : undefined)
    return asked && typeForRows(asked, shape.at(-1)!)
  }
}
