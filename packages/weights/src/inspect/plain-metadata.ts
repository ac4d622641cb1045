import type { Metadata, MetadataValue } from '../gguf/metadata.js'

const longest = 16
const shown = 4

/** GGUF metadata as JSON: 64-bit integers as numbers where exact, else as text; long arrays summarised. */
export const plainMetadata = (metadata: Metadata): Record<string, unknown> =>
  Object.fromEntries([...metadata].map(([key, value]) => [key, plain(value)]))

function plain(value: MetadataValue): unknown {
  if (value.type !== 'ARRAY') return scalar(value.value)
  const items = (count: number): unknown[] =>
    value.of === 'ARRAY' ? value.value.slice(0, count).map(plain) : [...value.value.slice(0, count)].map(scalar)
  return value.value.length <= longest ? items(longest) : { of: value.of, length: value.value.length, first: items(shown) }
}

function scalar(value: number | bigint | boolean | string): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()
  // JSON has no infinities and no NaN.
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}
