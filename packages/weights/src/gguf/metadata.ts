/** GGUF's metadata types and their ids. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
export const metadataTypes = {
  UINT8: 0,
  INT8: 1,
  UINT16: 2,
  INT16: 3,
  UINT32: 4,
  INT32: 5,
  FLOAT32: 6,
  BOOL: 7,
  STRING: 8,
  ARRAY: 9,
  UINT64: 10,
  INT64: 11,
  FLOAT64: 12,
} as const

export type MetadataType = keyof typeof metadataTypes
export type NumberType = 'UINT8' | 'INT8' | 'UINT16' | 'INT16' | 'UINT32' | 'INT32' | 'FLOAT32' | 'FLOAT64'
export type BigType = 'UINT64' | 'INT64'

export type MetadataArray =
  | { readonly type: 'ARRAY'; readonly of: NumberType; readonly value: readonly number[] }
  | { readonly type: 'ARRAY'; readonly of: BigType; readonly value: readonly bigint[] }
  | { readonly type: 'ARRAY'; readonly of: 'BOOL'; readonly value: readonly boolean[] }
  | { readonly type: 'ARRAY'; readonly of: 'STRING'; readonly value: readonly string[] }
  | { readonly type: 'ARRAY'; readonly of: 'ARRAY'; readonly value: readonly MetadataArray[] }

/** A value with its exact GGUF type, so that a copy writes what was read. */
export type MetadataValue =
  | { readonly type: NumberType; readonly value: number }
  | { readonly type: BigType; readonly value: bigint }
  | { readonly type: 'BOOL'; readonly value: boolean }
  | { readonly type: 'STRING'; readonly value: string }
  | MetadataArray

export type Metadata = ReadonlyMap<string, MetadataValue>

const typeNames = Object.keys(metadataTypes) as MetadataType[]
const byId = new Map<number, MetadataType>(typeNames.map((name) => [metadataTypes[name], name]))

/** The name of a metadata type id, or undefined. */
export const metadataTypeOf = (id: number): MetadataType | undefined => byId.get(id)

/** The string under a key, or undefined when there is none. */
export function metadataString(metadata: Metadata, key: string): string | undefined {
  const entry = metadata.get(key)
  return entry?.type === 'STRING' ? entry.value : undefined
}

/** The number under a key (of any numeric type), or undefined. */
export function metadataNumber(metadata: Metadata, key: string): number | undefined {
  const value = metadata.get(key)?.value
  return typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : undefined
}

/** The boolean under a key, or undefined. */
export function metadataBoolean(metadata: Metadata, key: string): boolean | undefined {
  const entry = metadata.get(key)
  return entry?.type === 'BOOL' ? entry.value : undefined
}

/** The array of strings under a key, or undefined. */
export function metadataStrings(metadata: Metadata, key: string): readonly string[] | undefined {
  const entry = metadata.get(key)
  return entry?.type === 'ARRAY' && entry.of === 'STRING' ? entry.value : undefined
}

/** The array of numbers under a key, or undefined. */
export function metadataNumbers(metadata: Metadata, key: string): readonly number[] | undefined {
  const entry = metadata.get(key)
  if (entry?.type !== 'ARRAY') return undefined
  switch (entry.of) {
    case 'STRING':
    case 'ARRAY':
    case 'BOOL':
      return undefined
    case 'UINT64':
    case 'INT64':
      return entry.value.map(Number)
    default:
      return entry.value
  }
}
