import { type TensorInfo, type TensorType, tensorTypeOf } from '@qt/core'
import { Cursor, malformed } from './cursor.js'
import type { Metadata, MetadataValue } from './metadata.js'
import { type OwnFormat, ownFormat, storedRowBytes } from './own-format.js'

export const magic = 0x46554747
export const defaultAlignment = 32

export interface GgufHeader {
  readonly version: number
  readonly alignment: number
  readonly metadata: Metadata
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** Where tensor data starts in the file. */
  readonly dataOffset: number
}

interface Entry {
  readonly name: string
  readonly type: TensorType
  /** GGUF's own order: columns first. */
  readonly dimensions: readonly number[]
  readonly offset: number
  readonly bytes: number
}

/** The shortest a key-value pair and a tensor entry can be: bounds on the counts before anything is read. */
const leastPair = 8 + 4 + 1
const leastTensor = 8 + 4 + 8 + 4 + 8

/** Parses and validates a header. `bytes` is the start of a file of `size` bytes; throws NeedMore when it is too short. */
export function parseHeader(bytes: Uint8Array, size: number, file: string): GgufHeader {
  const cursor = new Cursor(bytes, size, file)
  if (size < 24) throw malformed(file, `it has only ${size} bytes`)
  if (cursor.u32('the magic number') !== magic) throw malformed(file, 'it does not start with "GGUF"')
  const version = cursor.u32('the version')
  if (version !== 2 && version !== 3)
    throw malformed(file, version > 0xffff ? 'it is big-endian' : `its version is ${version}; versions 2 and 3 can be read`)
  const tensorCount = cursor.count('the number of tensors')
  const pairCount = cursor.count('the number of metadata pairs')
  if (pairCount * leastPair + tensorCount * leastTensor > size - cursor.at)
    throw malformed(file, `${tensorCount} tensors and ${pairCount} metadata pairs cannot fit into ${size} bytes`)

  cursor.spend(pairCount + tensorCount, 'its counts')
  const metadata = new Map<string, MetadataValue>()
  for (let i = 0; i < pairCount; i++) {
    const key = cursor.string('a metadata key')
    if (key === '' || key.length > 65535) throw malformed(file, `metadata key ${i + 1} is ${key === '' ? 'empty' : 'too long'}`)
    if (metadata.has(key)) throw malformed(file, `the key ${key} appears twice`, key)
    metadata.set(key, cursor.value(key))
  }
  const alignment = readAlignment(metadata, file)

  const format = ownFormat(metadata)
  const entries = new Map<string, Entry>()
  for (let i = 0; i < tensorCount; i++) {
    const entry = readEntry(cursor, alignment, format)
    if (entries.has(entry.name)) throw malformed(file, `the tensor ${entry.name} appears twice`, entry.name)
    entries.set(entry.name, entry)
  }
  // A file without tensors need not be padded.
  const dataOffset = entries.size === 0 ? Math.min(size, align(cursor.at, alignment)) : align(cursor.at, alignment)
  checkPlacement([...entries.values()], size - dataOffset, file)

  const tensors = new Map<string, TensorInfo>()
  for (const { name, type, dimensions, offset, bytes } of entries.values())
    tensors.set(name, { name, type, shape: dimensions.toReversed(), file, offset: dataOffset + offset, bytes })
  return { version, alignment, metadata, tensors, dataOffset }
}

export const align = (position: number, alignment: number): number => Math.ceil(position / alignment) * alignment

function readAlignment(metadata: Metadata, file: string): number {
  const entry = metadata.get('general.alignment')
  if (entry === undefined) return defaultAlignment
  if (entry.type !== 'UINT32')
    throw malformed(file, `general.alignment has type ${entry.type} instead of UINT32`, 'general.alignment')
  const { value } = entry
  if (value < 1 || value > 2 ** 20 || (value & (value - 1)) !== 0)
    throw malformed(file, `general.alignment is ${value}, which is not a power of two up to 1048576`, 'general.alignment')
  return value
}

function readEntry(cursor: Cursor, alignment: number, format: OwnFormat | undefined): Entry {
  const { file } = cursor
  const name = cursor.string('a tensor name')
  if (name === '' || name.length > 65535) throw malformed(file, `a tensor name is ${name === '' ? 'empty' : 'too long'}`)
  const rank = cursor.u32(`the number of dimensions of ${name}`)
  if (rank < 1 || rank > 4) throw malformed(file, `the tensor ${name} has ${rank} dimensions`, name)
  const dimensions: number[] = []
  let elements = 1
  for (let i = 0; i < rank; i++) {
    const dimension = cursor.count(`a dimension of ${name}`)
    dimensions.push(dimension)
    elements *= dimension
  }
  if (dimensions.includes(0) || elements > Number.MAX_SAFE_INTEGER / 8)
    throw malformed(file, `the tensor ${name} has the impossible shape ${dimensions.join(' × ')}`, name)
  const id = cursor.u32(`the type of ${name}`)
  const type = tensorTypeOf(id)
  if (type === undefined) throw malformed(file, `the tensor ${name} has the type ${id}, which this version does not know`, name)
  const row = storedRowBytes(type, dimensions[0]!, format)
  if (row === undefined)
    throw malformed(file, `the rows of ${name} have ${dimensions[0]} columns, which ${type} cannot divide into blocks`, name)
  const offset = cursor.count(`the offset of ${name}`)
  if (offset % alignment !== 0)
    throw malformed(file, `the tensor ${name} lies at ${offset}, which is not a multiple of ${alignment}`, name)
  return { name, type, dimensions, offset, bytes: row * (elements / dimensions[0]!) }
}

function checkPlacement(entries: readonly Entry[], available: number, file: string): void {
  const ordered = entries.toSorted((a, b) => a.offset - b.offset)
  let end = 0
  let before = ''
  for (const entry of ordered) {
    if (entry.offset < end) throw malformed(file, `the tensors ${before} and ${entry.name} overlap`, entry.name)
    end = entry.offset + entry.bytes
    before = entry.name
    if (end > available)
      throw malformed(file, `the tensor ${entry.name} ends ${end - available} bytes past the end of the file`, entry.name)
  }
}
