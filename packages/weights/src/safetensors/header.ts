import { usageError } from '@qt/core'
import { checkJson } from './check-json.js'
import { type Dtype, dtypeBits, isDtype } from './dtypes.js'

export interface SafetensorsEntry {
  readonly name: string
  readonly dtype: Dtype
  readonly shape: readonly number[]
  /** From the start of the file. */
  readonly offset: number
  readonly bytes: number
}

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>
}

/** The format's own limit. */
export const largestHeader = 100_000_000

export const malformed = (file: string, what: string, field?: string) =>
  usageError('SAFETENSORS_MALFORMED', `This is not a valid safetensors file: ${what}.`, {
    where: { file, ...(field === undefined ? {} : { field }) },
    actions: ['Download or export the file again.', 'Check that it was not cut off or edited.'],
  })

/** Parses and validates the JSON header of a file of `size` bytes whose data starts at `dataOffset`. */
export function parseHeader(text: string, dataOffset: number, size: number, file: string): SafetensorsHeader {
  const wrong = checkJson(text, 3)
  if (wrong !== undefined) throw malformed(file, `in its header ${wrong}`)
  const json = parse(text, file)
  const metadata = new Map<string, string>()
  const tensors = new Map<string, SafetensorsEntry>()
  for (const [name, value] of Object.entries(json)) {
    if (name === '__metadata__') {
      for (const [key, item] of Object.entries(objectOf(value, file, name))) {
        if (typeof item !== 'string') throw malformed(file, `the metadata ${key} is not a string`, key)
        metadata.set(key, item)
      }
    } else tensors.set(name, entryOf(name, objectOf(value, file, name), dataOffset, file))
  }
  checkPlacement([...tensors.values()], dataOffset, size, file)
  return { metadata, tensors }
}

function parse(text: string, file: string): Record<string, unknown> {
  try {
    return objectOf(JSON.parse(text), file, 'its header')
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw malformed(file, 'its header is not JSON')
  }
}

function objectOf(value: unknown, file: string, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(file, `${what} is not an object`)
  return { ...value }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

function entryOf(name: string, value: Record<string, unknown>, dataOffset: number, file: string): SafetensorsEntry {
  const { dtype, shape, data_offsets: range } = value
  if (!isDtype(dtype)) throw malformed(file, `the tensor ${name} has the unknown type ${JSON.stringify(dtype)}`, name)
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every(isCount))
    throw malformed(file, `the shape of ${name} is not a list of up to 8 sizes`, name)
  if (!Array.isArray(range) || range.length !== 2 || !range.every(isCount))
    throw malformed(file, `the data_offsets of ${name} are not two positions`, name)
  const [begin = 0, end = 0] = range
  const bytes = (shape.reduce((product, size) => product * size, 1) * dtypeBits[dtype]) / 8
  if (end - begin !== bytes)
    throw malformed(
      file,
      `the tensor ${name} spans ${end - begin} bytes, but its shape ${JSON.stringify(shape)} needs ${bytes}`,
      name,
    )
  return { name, dtype, shape, offset: dataOffset + begin, bytes }
}

/** The format asks that the data be covered from its start to its end, without holes or overlaps. */
function checkPlacement(entries: readonly SafetensorsEntry[], dataOffset: number, size: number, file: string): void {
  let end = dataOffset
  for (const entry of entries.toSorted((a, b) => a.offset - b.offset || a.bytes - b.bytes)) {
    if (entry.offset !== end)
      throw malformed(
        file,
        `the tensor ${entry.name} ${entry.offset < end ? 'overlaps the one before it' : 'leaves a hole before it'}`,
        entry.name,
      )
    end += entry.bytes
    if (end > size)
      throw malformed(file, `the tensor ${entry.name} ends ${end - size} bytes past the end of the file`, entry.name)
  }
  if (end !== size) throw malformed(file, `${size - end} bytes at its end belong to no tensor`)
}
