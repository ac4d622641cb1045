import { type ByteSink, type TensorData, writeExactly, writeFileStreamed } from '../io/write-file.js'
import { type Dtype, dtypeBits } from './dtypes.js'

export interface SafetensorsTensor {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly data: TensorData
}

/**
 * Writes a safetensors file, tensor after tensor, in the order given. The file appears whole or not at all.
 *
 * @example
 * ```ts
 * const data = new Uint8Array(new Float32Array([1, 2, 3, 4]).buffer)
 * await writeSafetensors('two-by-two.safetensors', [{ name: 'weight', dtype: 'F32', shape: [2, 2], data }])
 * ```
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly SafetensorsTensor[],
  options: {
    metadata?: Readonly<Record<string, string>>
    onTensor?: (name: string) => void
    signal?: AbortSignal | undefined
  } = {},
): Promise<void> {
  const header = headerBytes(tensors, options.metadata)
  await writeFileStreamed(path, async (sink: ByteSink) => {
    await sink.write(header)
    for (const tensor of tensors) {
      options.signal?.throwIfAborted()
      await writeExactly(sink, tensor.data, bytesOf(tensor), tensor.name)
      options.onTensor?.(tensor.name)
    }
  })
}

const bytesOf = ({ dtype, shape }: SafetensorsTensor): number =>
  (shape.reduce((product, size) => product * size, 1) * dtypeBits[dtype]) / 8

function headerBytes(
  tensors: readonly SafetensorsTensor[],
  metadata: Readonly<Record<string, string>> = { format: 'pt' },
): Uint8Array {
  let end = 0
  const entries: [string, unknown][] = [['__metadata__', metadata]]
  for (const tensor of tensors) {
    const begin = end
    end += bytesOf(tensor)
    entries.push([tensor.name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }])
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)))
  // Spaces up to a multiple of 8, so that the data is aligned for readers that map the file.
  const length = Math.ceil(json.length / 8) * 8
  const bytes = new Uint8Array(8 + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(json, 8)
  return bytes
}
