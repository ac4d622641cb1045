import type { BigType, MetadataArray, NumberType } from './metadata.js'

const encoded = new WeakMap<object, Uint8Array>()

/**
 * An array whose items are decoded when they are first asked for: vocabularies are most of a header, and programs
 * that copy one never look at them.
 *
 * @param bytes from the type of the items on, as a copy of the header has them again
 */
export function arrayAsItLies(of: 'STRING', bytes: Uint8Array, decode: () => string[]): MetadataArray
export function arrayAsItLies(of: BigType, bytes: Uint8Array, decode: () => bigint[]): MetadataArray
export function arrayAsItLies(of: NumberType, bytes: Uint8Array, decode: () => number[]): MetadataArray
export function arrayAsItLies<Of extends MetadataArray['of'], T>(of: Of, bytes: Uint8Array, decode: () => T[]) {
  let items: readonly T[] | undefined
  const array = {
    type: 'ARRAY' as const,
    of,
    get value() {
      items ??= decode()
      return items
    },
  }
  encoded.set(array, bytes)
  return array
}

/** The bytes that an array was read from, from the type of its items on; undefined for one made in memory. */
export const bytesAsTheyLie = (array: MetadataArray): Uint8Array | undefined => encoded.get(array)
