import fc from 'fast-check'

interface Edit {
  readonly at: number
  readonly length: number
  readonly bytes: Uint8Array
}

const tokens = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\n',
  '\r\n',
  '\\',
  '\0',
  '\t',
  '---',
  '# ',
  '<',
  '>',
  '{{',
  '}}',
  '\ud83c',
  '1e999',
  'null',
  '- ',
]

/** Sound bytes with a few places cut out, doubled or overwritten. */
export const mutated = (sound: Uint8Array): fc.Arbitrary<Uint8Array> => {
  const place = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    length: fc.nat(40),
    bytes: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(...tokens).map((text) => new TextEncoder().encode(text)),
      // A piece of the file itself.
      fc
        .tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(200))
        .map(([from, length]) => sound.subarray(Math.floor(from * sound.length), Math.floor(from * sound.length) + length)),
    ),
  })
  return fc.array(place, { minLength: 1, maxLength: 5 }).map((edits) => edits.reduce(applied, sound))
}

function applied(bytes: Uint8Array, { at, length, bytes: put }: Edit): Uint8Array {
  const from = Math.floor(at * bytes.length)
  return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(Math.min(bytes.length, from + length))])
}
