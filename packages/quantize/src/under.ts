import { type TensorType, tensorTypes, usageError } from '@qt/core'
import type { Gguf } from '@qt/weights'
import { fileTypes } from './file-type.js'
import { type PlacedPlan, planOfType } from './plan-of-type.js'
import { quantMethods } from './registry.js'

const bitsPerValue = (type: TensorType): number => (8 * tensorTypes[type].blockBytes) / tensorTypes[type].blockSize

/**
 * The most precise type whose file fits; of two with equally many bits the one that is nearer to the source: BF16 stays
 * BF16, everything else becomes F16.
 */
export function largestUnder(source: Gguf, file: string, maxBytes: number): PlacedPlan {
  const brain = [...source.tensors.values()].some(({ type }) => type === 'BF16')
  const types = quantMethods
    .map(({ type }) => type)
    .filter((type) => fileTypes[type] !== undefined && type !== (brain ? 'F16' : 'BF16'))
  const plans = types.toSorted((a, b) => bitsPerValue(b) - bitsPerValue(a)).map((type) => planOfType(source, type))
  const fitting = plans.find(({ fileBytes }) => fileBytes <= maxBytes)
  if (fitting) return fitting
  const least = plans.reduce((a, b) => (b.fileBytes < a.fileBytes ? b : a))
  throw usageError(
    'QUANT_SIZE',
    `No type makes this file as small as ${maxBytes} bytes; the smallest reachable size is ${least.fileBytes}, as ${least.type}.`,
    { where: { file }, actions: [`Allow ${least.fileBytes} bytes.`, 'Begin with a smaller model.'] },
  )
}
