import { usageError } from '@qt/core'
import { openSource, readChunks, type SourceInput } from '../io/source.js'
import { largestHeader, malformed, parseHeader, type SafetensorsHeader } from './header.js'

/** A safetensors file of which only the header has been read. */
export interface Safetensors extends SafetensorsHeader {
  readonly name: string
  readonly size: number
  /** The raw bytes of a tensor. */
  read(tensor: string): Promise<Uint8Array<ArrayBuffer>>
  /** Some of them. */
  readPart(tensor: string, from: number, bytes: number): Promise<Uint8Array<ArrayBuffer>>
  /** The same in pieces of a few megabytes. */
  stream(tensor: string): AsyncIterable<Uint8Array>
}

/**
 * Reads the header of a safetensors file from a path, a Blob or bytes; tensors are read on demand.
 *
 * @example
 * ```ts
 * const file = await readSafetensors('model.safetensors')
 * file.tensors.get('lm_head.weight')?.shape // [32000, 4096]
 * const bytes = await file.read('lm_head.weight')
 * ```
 */
export async function readSafetensors(input: SourceInput): Promise<Safetensors> {
  const source = await openSource(input)
  if (source.size < 10) throw malformed(source.name, `it has only ${source.size} bytes`)
  const start = await source.read(0, 8)
  const length = new DataView(start.buffer).getBigUint64(0, true)
  if (length > BigInt(Math.min(largestHeader, source.size - 8)))
    throw malformed(source.name, `its header claims ${length} bytes, of which ${source.size - 8} are there`)
  const dataOffset = 8 + Number(length)
  const bytes = await source.read(8, Number(length))
  if (bytes[0] !== 0x7b) throw malformed(source.name, 'its header does not start with "{"')
  const header = parseHeader(decode(bytes, source.name), dataOffset, source.size, source.name)
  const info = (tensor: string) => {
    const found = header.tensors.get(tensor)
    if (found) return found
    throw usageError('TENSOR_MISSING', `There is no tensor ${tensor} in this file.`, {
      where: { file: source.name, field: tensor },
    })
  }
  return {
    ...header,
    name: source.name,
    size: source.size,
    read: async (tensor) => source.read(info(tensor).offset, info(tensor).bytes),
    async readPart(tensor, from, bytes) {
      const { offset, bytes: all } = info(tensor)
      if (from < 0 || bytes < 0 || from + bytes > all)
        throw new RangeError(`${tensor} has ${all} bytes, and ${bytes} from ${from} on are asked for`)
      return source.read(offset + from, bytes)
    },
    stream: (tensor) => readChunks(source, info(tensor).offset, info(tensor).bytes),
  }
}

function decode(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw malformed(file, 'its header is not UTF-8')
  }
}
