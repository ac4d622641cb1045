const decoder = new TextDecoder('utf-8', { fatal: true })

/** What a column of a database holds, as JSON could say it: whole numbers and dates of any kind, bytes that are text, nested lists. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return textOrNumbers(value)
  if (ArrayBuffer.isView(value)) return value instanceof DataView ? undefined : Array.from(numbersOf(value), plainValue)
  if (Array.isArray(value)) return value.map(plainValue)
  const out: Record<string, unknown> = {}
  // A column of structures has every field everywhere; null stands for what is not there.
  for (const [key, one] of Object.entries(value)) if (one !== null && one !== undefined) out[key] = plainValue(one)
  return out
}

const numbersOf = (view: ArrayBufferView): Iterable<number | bigint> =>
  Symbol.iterator in view ? (view as ArrayBufferView & Iterable<number | bigint>) : []

function textOrNumbers(bytes: Uint8Array): unknown {
  try {
    return decoder.decode(bytes)
  } catch {
    return [...bytes]
  }
}
