import { QtError, rowBytes, type TensorType, tensorTypes } from '@qt/core'
import { type ByteSink, type TensorData, writeExactly, writeFileStreamed } from '../io/write-file.js'
import { encodeHeader } from './encode-header.js'
import { align, defaultAlignment } from './header.js'
import type { MetadataValue } from './metadata.js'

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
  const entry = content.metadata.get('general.alignment')
  const alignment = entry?.type === 'UINT32' ? entry.value : defaultAlignment
  let end = 0
  const placed = content.tensors.map((tensor) => {
    const offset = end
    const bytes = tensorBytes(tensor)
    end = align(offset + bytes, alignment)
    return { ...tensor, offset, bytes }
  })
  const header = encodeHeader(content.metadata, placed)
  await writeFileStreamed(path, async (sink) => {
    await sink.write(header)
    await pad(sink, alignment)
    for (const tensor of placed) {
      options.signal?.throwIfAborted()
      await writeExactly(sink, tensor.data, tensor.bytes, tensor.name)
      await pad(sink, alignment)
      options.onTensor?.(tensor.name)
    }
  })
}

function tensorBytes({ name, type, shape }: GgufTensor): number {
  const columns = shape.at(-1) ?? 0
  const row = rowBytes(type, columns)
  if (row === undefined || shape.length < 1 || shape.length > 4)
    throw new QtError({
      code: 'TENSOR_SHAPE',
      message: `The tensor ${name} of shape [${shape.join(', ')}] cannot be stored as ${type}, whose blocks have ${tensorTypes[type].blockSize} columns.`,
    })
  return row * shape.slice(0, -1).reduce((product, size) => product * size, 1)
}

const pad = (sink: ByteSink, alignment: number): Promise<void> =>
  sink.write(new Uint8Array(align(sink.position, alignment) - sink.position))
