import { type TensorType, tensorTypes, usageError } from '@qt/core'
import { decodableTypes, type Gguf, ownFormat, readWholeGguf } from '@qt/weights'
import { binding } from './binding.js'
import { buildPlan, type PlacedPlan, type QuantizedTensor, type QuantizePlan } from './build-plan.js'
import type { QuantFormat } from './method.js'
import { fileTypeNamed, fileTypes } from './mixture/file-types.js'
import { requireFormat, takenBy } from './own-blocks.js'
import type { PlanOptions } from './plan-options.js'
import { prune } from './prune.js'
import { quantMethods } from './registry.js'
import { largestUnder, mostCommon } from './under.js'

/**
 * What `quantize` would do to a file, without doing it: the type of every tensor and the exact size of the file.
 *
 * @example
 * ```ts
 * const { type, fileBytes } = await planQuantization('model-f16.gguf', { maxBytes: 2e9 })
 * ```
 */
export async function planQuantization(input: string, options: PlanOptions): Promise<QuantizePlan> {
  const { files: _, ...plan } = planFor(await readWholeGguf(input), input, options)
  return plan
}

export function planFor(source: Gguf, file: string, options: PlanOptions): PlacedPlan {
  const { maxBytes, types } = options
  const plan = choose(source, file, options)
  if (plan.tensors.some(({ from, to }) => from === 'OWN' && to !== 'OWN')) requireFormat(source, file, options.method)
  for (const tensor of plan.tensors) refuseLoss(tensor, file, options.requantize ?? false)
  if (maxBytes !== undefined && plan.fileBytes > maxBytes)
    throw usageError('QUANT_SIZE', `As ${plan.type} the file takes ${plan.fileBytes} bytes, more than the ${maxBytes} allowed.`, {
      where: { file },
      actions: [types ? 'Plan for a smaller size.' : 'Leave out the type to get the most precise one that fits.'],
    })
  return plan
}

function choose(source: Gguf, file: string, options: PlanOptions): PlacedPlan {
  if (options.types) return buildPlan(source, file, mostCommon(options.types), options)
  if (isFormat(options.method) && ownFormat(source.metadata) === undefined) return ofFormat(source, file, options.method, options)
  if (options.type !== undefined) return buildPlan(source, file, fileTypeNamed(options.type), options)
  if (options.maxBytes !== undefined) return largestUnder(source, file, options.maxBytes, options)
  throw usageError('QUANT_TYPE_UNKNOWN', 'There is neither a type nor a largest size to quantise to.', {
    where: { field: 'type' },
    actions: ['Name a type, such as Q8_0 or Q4_K_M, or the most bytes that the file may take.'],
  })
}

const isFormat = (method: PlanOptions['method']): method is QuantFormat => method !== undefined && method.type === undefined

/** Every matrix in a format of one's own; the rest stays. */
function ofFormat(source: Gguf, file: string, method: QuantFormat, options: PlanOptions): PlacedPlan {
  if (options.type !== undefined)
    throw usageError('QUANT_METHOD_INVALID', `${method.name} is a format of its own, which is no part of ${options.type}.`, {
      where: { field: 'method' },
      actions: ['Leave out the type.', 'Or give the method the type of a GGUF block that it writes.'],
    })
  const pruned = prune([...source.tensors.values()], source.metadata, options.pruneLayers ?? [])
  const types = new Map(pruned.tensors.filter((tensor) => takenBy(method, tensor)).map(({ name }) => [name, 'OWN' as const]))
  return buildPlan(source, file, 'F16', { ...options, types })
}

const floats: readonly TensorType[] = ['F32', 'F16', 'BF16']

const canDecode = (type: TensorType): boolean => {
  const native = binding()
  return decodableTypes.includes(type) || (!(native instanceof Error) && native.decodable(tensorTypes[type].id))
}
const canEncode = (type: TensorType): boolean => quantMethods.some((method) => method.type === type)

function refuseLoss({ name, from, to }: QuantizedTensor, file: string, requantize: boolean): void {
  if (from === to || (from === 'OWN' && floats.includes(to))) return
  if (from !== 'OWN' && !canDecode(from))
    throw usageError('TYPE_UNSUPPORTED', `The tensor ${name} has type ${from}, which cannot be decoded here.`, {
      where: { file, field: name },
      actions: ['Start from the F16, BF16 or F32 file of this model.'],
    })
  if (to !== 'OWN' && !canEncode(to))
    throw usageError('QUANT_TYPE_UNKNOWN', `The tensor ${name} would become ${to}, which cannot be written yet.`, {
      where: { file, field: name },
      actions: [
        `Use one of ${Object.keys(fileTypes)
          .filter((type) => canEncode(fileTypes[fileTypeNamed(type)].base))
          .join(', ')}.`,
      ],
    })
  if (!requantize && !floats.includes(from))
    throw usageError(
      'QUANT_AGAIN',
      `The tensor ${name} is quantised already (${from}); quantising it to ${to} loses precision twice.`,
      {
        where: { file, field: name },
        actions: [
          'Start from the F16, BF16 or F32 file of this model.',
          'Allow it all the same: requantize, or --allow-requantize on the command line.',
        ],
      },
    )
}
