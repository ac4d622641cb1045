import fc from 'fast-check'

type Edit =
  | { readonly kind: 'flip'; readonly at: number; readonly bit: number }
  | { readonly kind: 'set'; readonly at: number; readonly byte: number }
  | { readonly kind: 'word'; readonly at: number; readonly value: bigint }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'insert'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: 'copy'; readonly from: number; readonly to: number; readonly count: number }

/** Numbers at the borders of what lengths and counts can be. */
const words = [0n, 1n, 0x7fffffffn, 0xffffffffn, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]

/** A few edits somewhere in a file of so many bytes: flips, lengths, truncations, insertions, repetitions. */
export const edits = (size: number): fc.Arbitrary<Edit[]> => {
  const at = fc.nat(size - 1)
  return fc.array(
    fc.oneof(
      fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }),
      fc.record({ kind: fc.constant('set' as const), at, byte: fc.nat(255) }),
      fc.record({ kind: fc.constant('word' as const), at, value: fc.oneof(fc.constantFrom(...words), fc.bigInt(0n, 300n)) }),
      fc.record({ kind: fc.constant('cut' as const), at }),
      fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 24 }) }),
      fc.record({ kind: fc.constant('copy' as const), from: at, to: at, count: fc.integer({ min: 1, max: 64 }) }),
    ),
    { minLength: 1, maxLength: 4 },
  )
}

export function applyEdits(original: Uint8Array, list: readonly Edit[]): Uint8Array {
  let bytes = new Uint8Array(original)
  for (const edit of list) {
    if (edit.kind === 'cut') bytes = bytes.slice(0, edit.at)
    else if (edit.kind === 'insert')
      bytes = new Uint8Array([...bytes.subarray(0, edit.at), ...edit.bytes, ...bytes.subarray(edit.at)])
    else if (edit.kind === 'copy') {
      const part = bytes.slice(edit.from, edit.from + edit.count)
      if (edit.to + part.length <= bytes.length) bytes.set(part, edit.to)
    } else if (edit.kind === 'word') {
      if (edit.at + 8 <= bytes.length) new DataView(bytes.buffer).setBigUint64(edit.at, edit.value, true)
    } else if (edit.at < bytes.length) {
      bytes[edit.at] = edit.kind === 'set' ? edit.byte : bytes[edit.at]! ^ (1 << edit.bit)
    }
  }
  return bytes
}
