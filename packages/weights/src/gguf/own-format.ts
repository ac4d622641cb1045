import { rowBytes, type TensorType } from '@qt/core'
import type { Metadata, MetadataValue } from './metadata.js'

/** The format of tensors of type OWN: of a method that is no GGUF type, which alone can decode them. */
export interface OwnFormat {
  readonly name: string
  readonly blockSize: number
  readonly blockBytes: number
}

const keys = {
  name: 'quantize.format.name',
  blockSize: 'quantize.format.block_size',
  blockBytes: 'quantize.format.block_bytes',
} as const

export const ownFormatKeys: readonly string[] = Object.values(keys)

/** Blocks beyond this are a damaged file. */
const largest = 65536

/**
 * What the metadata of a file says about its tensors of type OWN; undefined where it says nothing, or nothing possible.
 *
 * @example
 * ```ts
 * ownFormat((await readGguf('model.gguf')).metadata) // { name: 'Q3_X', blockSize: 32, blockBytes: 14 }
 * ```
 */
export function ownFormat(metadata: Metadata): OwnFormat | undefined {
  const name = metadata.get(keys.name)
  const [blockSize, blockBytes] = [metadata.get(keys.blockSize), metadata.get(keys.blockBytes)]
  if (name?.type !== 'STRING' || blockSize?.type !== 'UINT32' || blockBytes?.type !== 'UINT32') return undefined
  if (Math.min(blockSize.value, blockBytes.value) < 1 || Math.max(blockSize.value, blockBytes.value) > largest) return undefined
  return { name: name.value, blockSize: blockSize.value, blockBytes: blockBytes.value }
}

/** The same, to be written. */
export const ownFormatMetadata = ({ name, blockSize, blockBytes }: OwnFormat): [string, MetadataValue][] => [
  [keys.name, { type: 'STRING', value: name }],
  [keys.blockSize, { type: 'UINT32', value: blockSize }],
  [keys.blockBytes, { type: 'UINT32', value: blockBytes }],
]

/** Bytes of a row as a file stores it; undefined when it does not divide into blocks. */
export function storedRowBytes(type: TensorType, columns: number, format: OwnFormat | undefined): number | undefined {
  if (type !== 'OWN') return rowBytes(type, columns)
  return format && columns % format.blockSize === 0 ? (columns / format.blockSize) * format.blockBytes : undefined
}
