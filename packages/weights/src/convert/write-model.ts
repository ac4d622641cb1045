import { type TensorType, tensorTypes } from '@qt/core'
import { type FloatType, floatTypes, isFloatType } from '../blocks/encode.js'
import type { Model } from '../model/model.js'
import { openModel } from '../model/open-model.js'
import { expectedTensors } from '../model/shapes.js'
import { convertedTensor, type RowChange, type TensorPlan } from './tensor-stream.js'
import { writeGgufModel } from './write-gguf-model.js'
import { writeHfModel } from './write-hf-model.js'

export interface WriteProgress {
  readonly tensor: string
  /** Tensors written and to write in all. */
  readonly done: number
  readonly total: number
}

export interface WriteModelOptions {
  readonly type?: FloatType | undefined
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined
  readonly signal?: AbortSignal | undefined
  /** What is added to a tensor on the way, by canonical name. */
  readonly change?: ((tensor: string) => RowChange | undefined) | undefined
}

export interface WrittenModel {
  readonly output: string
  readonly kind: 'gguf' | 'hf'
  readonly type: FloatType
  readonly tensors: number
}

/** A tensor on its way into another file. */
export interface OutgoingTensor {
  readonly name: string
  readonly type: FloatType
  readonly shape: readonly number[]
  readonly data: () => AsyncIterable<Uint8Array>
}

/** Writes an opened model as GGUF or as a Hugging Face folder, tensor by tensor; `output` decides which. */
export async function writeModel(model: Model, output: string, options: WriteModelOptions = {}): Promise<WrittenModel> {
  options.signal?.throwIfAborted()
  const kind = kindOf(output)
  const type = options.type ?? defaultType(model, output)
  const { description, spec } = model
  const tensors = expectedTensors(description.architecture, spec).map((expected): OutgoingTensor => {
    // Norms and biases are small and sensitive: GGUF readers expect them in full precision.
    const typeHere = kind === 'gguf' && expected.shape.length === 1 ? 'F32' : type
    const plans = (expected.parts ?? [expected]).map(({ name, entry }): TensorPlan => {
      const info = model.tensors.get(name)!
      return { info, entry, spec, type: typeHere, from: model.kind, to: kind, change: options.change?.(name) }
    })
    const name = kind === 'gguf' ? expected.name : expected.huggingFace
    return { name, type: typeHere, shape: expected.shape, data: () => oneAfterTheOther(plans) }
  })
  // Divisors of rotary frequencies, which only the file has, are not counted.
  const counted = new Set(tensors.map(({ name }) => name))
  let done = 0
  const onTensor = (tensor: string) => {
    if (counted.has(tensor)) options.onProgress?.({ tensor, done: ++done, total: tensors.length })
  }
  const write = kind === 'gguf' ? writeGgufModel : writeHfModel
  await write({ model, output, type, tensors, onTensor, signal: options.signal })
  // What was written must be a model again.
  await openModel(output)
  return { output, kind, type, tensors: tensors.length }
}

async function* oneAfterTheOther(plans: readonly TensorPlan[]): AsyncGenerator<Uint8Array> {
  for (const plan of plans) yield* convertedTensor(plan)
}

const kindOf = (output: string): 'gguf' | 'hf' => (output.endsWith('.gguf') ? 'gguf' : 'hf')

/** The type of the weights themselves; quantised ones become F16 in GGUF and F32 in a folder, where nothing is lost. */
export function defaultType(model: Model, output: string): FloatType {
  const types = weightTypes(model)
  const only = types.length === 1 ? types[0] : undefined
  if (kindOf(output) === 'gguf') return only === 'BF16' ? 'BF16' : 'F16'
  return only !== undefined && isFloatType(only) ? only : 'F32'
}

/** The types of a model's matrices. */
export const weightTypes = (model: Model): TensorType[] => [
  ...new Set([...model.tensors.values()].filter((tensor) => tensor.shape.length > 1).map((tensor) => tensor.type)),
]

export const isQuantised = (type: TensorType): boolean =>
  tensorTypes[type].blockSize > 1 && !floatTypes.some((name) => name === type)
