import type { Metadata, MetadataValue } from '@qt/weights'

/** GGUF metadata written by hand: text, numbers, flags and lists under their keys. */
export function metadataOf(
  values: Readonly<Record<string, string | number | boolean | readonly string[] | readonly number[]>>,
): Metadata {
  return new Map(Object.entries(values).map(([key, value]) => [key, entry(value)] as const))
}

const isTexts = (list: readonly string[] | readonly number[]): list is readonly string[] => typeof list[0] === 'string'

function entry(value: string | number | boolean | readonly string[] | readonly number[]): MetadataValue {
  if (typeof value === 'string') return { type: 'STRING', value }
  if (typeof value === 'boolean') return { type: 'BOOL', value }
  if (typeof value === 'number') return { type: 'UINT32', value }
  if (isTexts(value)) return { type: 'ARRAY', of: 'STRING', value }
  return { type: 'ARRAY', of: value.every(Number.isInteger) ? 'INT32' : 'FLOAT32', value }
}
