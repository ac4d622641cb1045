import { usageError } from '@qt/core'
import { type ByteSource, openSource, readChunks, type SourceInput } from '../io/source.js'
import { malformed, NeedMore } from './cursor.js'
import { type GgufHeader, parseHeader } from './header.js'

/** A GGUF file of which only the header has been read. */
export interface Gguf extends GgufHeader {
  /** The path, or a description of what it was read from. */
  readonly name: string
  readonly size: number
  /** The raw bytes of a tensor, as they lie in the file. */
  read(tensor: string): Promise<Uint8Array<ArrayBuffer>>
  /** The same in pieces of a few megabytes. */
  stream(tensor: string): AsyncIterable<Uint8Array>
}

const firstRead = 256 * 1024
/** Real headers with the largest vocabularies stay below 40 MB. */
const largestHeader = 128 * 2 ** 20

/**
 * Reads the header of a GGUF file (version 2 or 3) from a path, a Blob or bytes; tensors are read on demand.
 *
 * @example
 * ```ts
 * const gguf = await readGguf('model.gguf')
 * gguf.metadata.get('general.architecture') // { type: 'STRING', value: 'llama' }
 * const bytes = await gguf.read('token_embd.weight')
 * ```
 */
export async function readGguf(input: SourceInput): Promise<Gguf> {
  const source = await openSource(input)
  const header = await readHeader(source)
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
    stream: (tensor) => readChunks(source, info(tensor).offset, info(tensor).bytes),
  }
}

async function readHeader(source: ByteSource): Promise<GgufHeader> {
  let length = Math.min(firstRead, source.size)
  for (;;) {
    const bytes = await source.read(0, length)
    try {
      return parseHeader(bytes, source.size, source.name)
    } catch (error) {
      if (!(error instanceof NeedMore)) throw error
      if (error.upTo > largestHeader) throw malformed(source.name, `its header would be larger than ${largestHeader} bytes`)
      length = Math.min(source.size, largestHeader, Math.max(error.upTo, length * 4))
    }
  }
}
