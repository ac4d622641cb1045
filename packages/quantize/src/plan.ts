import { type TensorType, tensorTypes, usageError } from '@qt/core'
import { decodableTypes, type Gguf, readGguf } from '@qt/weights'
import { binding } from './binding.js'
import { type PlacedPlan, planOfType, type QuantizedTensor, type QuantizePlan } from './plan-of-type.js'
import { methodFor } from './registry.js'
import { largestUnder } from './under.js'

export interface PlanOptions {
  /** The type of every matrix: F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0. Left out: the most precise one that fits `maxBytes`. */
  readonly type?: TensorType | undefined
  /** The most that the file may take; an error when it cannot be kept. */
  readonly maxBytes?: number | undefined
  /** Also quantise what is quantised already, which loses precision twice. */
  readonly requantize?: boolean | undefined
}

/**
 * What `quantize` would do to a file, without doing it: the type of every tensor and the exact size of the file.
 *
 * @example
 * ```ts
 * const { type, fileBytes } = await planQuantization('model-f16.gguf', { maxBytes: 2e9 })
 * ```
 */
export async function planQuantization(input: string, options: PlanOptions): Promise<QuantizePlan> {
  const { layout: _, ...plan } = planFor(await readGguf(input), input, options)
  return plan
}

export function planFor(source: Gguf, file: string, options: PlanOptions): PlacedPlan {
  const { maxBytes } = options
  const type = options.type === undefined ? undefined : methodFor(options.type).type
  if (type === undefined && maxBytes === undefined)
    throw usageError('QUANT_TYPE_UNKNOWN', 'There is neither a type nor a largest size to quantise to.', {
      where: { field: 'type' },
      actions: ['Name a type, such as Q8_0 or Q4_0, or the most bytes that the file may take.'],
    })
  const plan = type === undefined ? largestUnder(source, file, maxBytes!) : planOfType(source, type)
  for (const tensor of plan.tensors) refuseLoss(tensor, file, options.requantize ?? false)
  if (maxBytes !== undefined && plan.fileBytes > maxBytes)
    throw usageError('QUANT_SIZE', `As ${plan.type} the file takes ${plan.fileBytes} bytes, more than the ${maxBytes} allowed.`, {
      where: { file },
      actions: ['Leave out the type to get the most precise one that fits.'],
    })
  return plan
}

const floats: readonly TensorType[] = ['F32', 'F16', 'BF16']

const canDecode = (type: TensorType): boolean => {
  const native = binding()
  return decodableTypes.includes(type) || (!(native instanceof Error) && native.decodable(tensorTypes[type].id))
}

function refuseLoss({ name, from, to }: QuantizedTensor, file: string, requantize: boolean): void {
  if (from === to) return
  if (!canDecode(from))
    throw usageError('TYPE_UNSUPPORTED', `The tensor ${name} has type ${from}, which cannot be decoded here.`, {
      where: { file, field: name },
      actions: ['Start from the F16, BF16 or F32 file of this model.'],
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
