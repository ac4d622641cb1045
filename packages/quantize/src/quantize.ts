import { QtError, rowBytes, type TensorInfo, type TensorType, tensorTypes, usageError } from '@qt/core'
import { decodableTypes, decodeBlocks, type Gguf, type GgufTensor, readGguf, writeGguf } from '@qt/weights'
import { fileTypes, quantizationVersion } from './file-type.js'
import { quantizeTensor } from './quantize-tensor.js'
import { methodFor } from './registry.js'
import { typeOf } from './select.js'
import { wholeRows } from './whole-rows.js'

export interface QuantizeOptions {
  /** The type of every matrix: F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1 or Q4_0. */
  readonly type: TensorType
  /** Also quantise what is quantised already, which loses precision twice. */
  readonly requantize?: boolean
  /** After each tensor is written. */
  readonly onTensor?: (tensor: QuantizedTensor) => void
  readonly signal?: AbortSignal
}

export interface QuantizedTensor {
  readonly name: string
  readonly from: TensorType
  readonly to: TensorType
  readonly bytes: number
}

export interface QuantizeResult {
  readonly output: string
  readonly tensors: readonly QuantizedTensor[]
  /** Of all tensor data, before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
}

/**
 * Quantises a GGUF file: every matrix (embeddings and output too) gets the type, or F16 where its rows do not divide into
 * blocks; norms, biases and metadata stay. The output appears whole or not at all.
 *
 * @example
 * ```ts
 * const { bytesBefore, bytesAfter } = await quantize('model-f16.gguf', 'model-q4_0.gguf', { type: 'Q4_0' })
 * ```
 */
export async function quantize(input: string, output: string, options: QuantizeOptions): Promise<QuantizeResult> {
  const { type } = methodFor(options.type)
  await refuseSameFile(input, output)
  const source = await readGguf(input)
  const tensors = [...source.tensors.values()].map((tensor) => plan(tensor, type))
  for (const tensor of tensors) refuseLoss(tensor, input, options.requantize ?? false)

  const metadata = new Map(source.metadata)
  metadata.set('general.quantization_version', { type: 'UINT32', value: quantizationVersion })
  metadata.set('general.file_type', { type: 'UINT32', value: fileTypes[type]! })
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  await writeGguf(
    output,
    { metadata, tensors: tensors.map((tensor) => encoded(source, tensor, options.signal)) },
    { onTensor: (name) => options.onTensor?.(byName.get(name)!), signal: options.signal },
  )
  const sum = (sizes: number[]) => sizes.reduce((total, bytes) => total + bytes, 0)
  return {
    output,
    tensors,
    bytesBefore: sum([...source.tensors.values()].map(({ bytes }) => bytes)),
    bytesAfter: sum(tensors.map(({ bytes }) => bytes)),
  }
}

function plan(tensor: TensorInfo, type: TensorType): QuantizedTensor {
  const to = typeOf(tensor, type)
  const elements = (tensor.bytes / tensorTypes[tensor.type].blockBytes) * tensorTypes[tensor.type].blockSize
  return { name: tensor.name, from: tensor.type, to, bytes: (elements / tensorTypes[to].blockSize) * tensorTypes[to].blockBytes }
}

const floats: readonly TensorType[] = ['F32', 'F16', 'BF16']

function refuseLoss({ name, from, to }: QuantizedTensor, file: string, requantize: boolean): void {
  if (from === to) return
  if (!decodableTypes.includes(from))
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
        actions: ['Start from the F16, BF16 or F32 file of this model.', 'Pass requantize to do it all the same.'],
      },
    )
}

function encoded(source: Gguf, { name, from, to }: QuantizedTensor, signal: AbortSignal | undefined): GgufTensor {
  const { shape } = source.tensors.get(name)!
  if (from === to) return { name, type: to, shape, data: () => source.stream(name) }
  const columns = shape.at(-1)!
  return {
    name,
    type: to,
    shape,
    async *data() {
      let row = 0
      for await (const rows of wholeRows(source.stream(name), rowBytes(from, columns)!)) {
        signal?.throwIfAborted()
        const values = decodeBlocks(from, rows)
        yield inTensor(name, row * columns, source.name, () => quantizeTensor(values, columns, to))
        row += values.length / columns
      }
    },
  }
}

/** Names the tensor and file in an error about one of its values. */
function inTensor<T>(name: string, first: number, file: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (!QtError.isInstance(cause)) throw cause
    throw new QtError({
      code: cause.code,
      message: `The tensor ${name} cannot be quantised (its part from value ${first} on): ${cause.message}`,
      where: { file, field: `${name}${cause.where?.field ?? ''}` },
      actions: cause.actions,
      kind: cause.kind,
      cause,
    })
  }
}

async function refuseSameFile(input: string, output: string): Promise<void> {
  const { realpath } = await import('node:fs/promises')
  const [from, to] = await Promise.all([input, output].map((path) => realpath(path).catch(() => undefined)))
  if (from !== undefined && from === to)
    throw usageError('OUTPUT_IS_INPUT', 'The output would replace the file that is being quantised.', {
      where: { file: output },
      actions: ['Give the output a name of its own: the more precise file cannot be made again from the smaller one.'],
    })
}
