import { QtError, type TensorType, tensorTypes } from '@qt/core'
import { type ByteSink, type TensorData, writeExactly, writeFileStreamed } from '../io/write-file.js'
import { encodeHeader } from './encode-header.js'
import { align, defaultAlignment } from './header.js'
import type { MetadataValue } from './metadata.js'
import { type OwnFormat, ownFormat, storedRowBytes } from './own-format.js'

export interface GgufTensor {
  readonly name: string
  readonly type: TensorType
  /** Outermost first, [rows, columns], as in TensorInfo. */
  readonly shape: readonly number[]
  readonly data: TensorData
}

export interface GgufContent {
  readonly metadata: ReadonlyMap<string, MetadataValue>
  readonly tensors: readonly GgufTensor[]
}

/**
 * Writes a GGUF file (version 3): header, then tensor after tensor in the order given, aligned. Tensor data may be made
 * piece by piece. The file appears whole or not at all.
 *
 * @example
 * ```ts
 * const source = await readGguf('model.gguf')
 * const tensors = [...source.tensors.values()].map((tensor) => ({ ...tensor, data: () => source.stream(tensor.name) }))
 * await writeGguf('copy.gguf', { metadata: source.metadata, tensors })
 * ```
 */
export async function writeGguf(
  path: string,
  content: GgufContent,
  options: { onTensor?: (name: string) => void; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const { alignment, header, tensors } = placed(content.metadata, content.tensors)
  await writeFileStreamed(path, async (sink) => {
    await sink.write(header)
    await pad(sink, alignment)
    for (const tensor of tensors) {
      options.signal?.throwIfAborted()
      await writeExactly(sink, tensor.data, tensor.bytes, tensor.name)
      await pad(sink, alignment)
      options.onTensor?.(tensor.name)
    }
  })
}

export interface GgufLayout {
  /** What comes before the first tensor. */
  readonly header: Uint8Array
  /** Offsets count from the start of the file; zeros lie between the tensors. */
  readonly tensors: readonly TensorPlace[]
  /** Of the whole file. */
  readonly size: number
}

export interface TensorPlace {
  readonly name: string
  readonly offset: number
  readonly bytes: number
}

/**
 * Where everything of a GGUF file goes, for programs that write its tensors themselves or want to know its size.
 *
 * @example
 * ```ts
 * const { metadata, tensors } = await readGguf('model.gguf')
 * layoutGguf(metadata, [...tensors.values()]).size // bytes of the file
 * ```
 */
export function layoutGguf(
  metadata: ReadonlyMap<string, MetadataValue>,
  tensors: readonly Omit<GgufTensor, 'data'>[],
): GgufLayout {
  const { alignment, header, end, tensors: places } = placed(metadata, tensors)
  const start = align(header.length, alignment)
  const padded = new Uint8Array(start)
  padded.set(header)
  return {
    header: padded,
    tensors: places.map(({ name, offset, bytes }) => ({ name, offset: start + offset, bytes })),
    size: start + end,
  }
}

/** Offsets count from the end of the padded header, as GGUF writes them. */
function placed<T extends Omit<GgufTensor, 'data'>>(metadata: ReadonlyMap<string, MetadataValue>, tensors: readonly T[]) {
  const entry = metadata.get('general.alignment')
  const alignment = entry?.type === 'UINT32' ? entry.value : defaultAlignment
  const format = ownFormat(metadata)
  let end = 0
  const places = tensors.map((tensor) => {
    const offset = end
    const bytes = tensorBytes(tensor, format)
    end = align(offset + bytes, alignment)
    return { ...tensor, offset, bytes }
  })
  return { alignment, header: encodeHeader(metadata, places), tensors: places, end }
}

function tensorBytes({ name, type, shape }: Omit<GgufTensor, 'data'>, format: OwnFormat | undefined): number {
  const columns = shape.at(-1) ?? 0
  const row = storedRowBytes(type, columns, format)
  if (row === undefined || shape.length < 1 || shape.length > 4)
    throw new QtError({
      code: 'TENSOR_SHAPE',
      message: `The tensor ${name} of shape [${shape.join(', ')}] cannot be stored as ${type}, whose blocks have ${tensorTypes[type].blockSize} columns.`,
    })
  return row * shape.slice(0, -1).reduce((product, size) => product * size, 1)
}

const pad = (sink: ByteSink, alignment: number): Promise<void> =>
  sink.write(new Uint8Array(align(sink.position, alignment) - sink.position))
