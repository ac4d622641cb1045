import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { expected, kinds, readFixture } from '../test/fixtures.js'
import { hardText } from '../test/texts.js'
import type { Encoding } from './encoding.js'
import { Tokenizer } from './tokenizer.js'

interface Whole {
  readonly ids: readonly number[]
  readonly types: readonly number[]
  readonly attention: readonly number[]
  readonly special: readonly number[]
  readonly offsets: readonly number[]
  readonly overflowing: readonly Whole[]
}

/** What Hugging Face's tokenizers gave; made by fixtures/make_offsets.py. It counts code points. */
interface ExpectedOffsets {
  readonly inputs: readonly string[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly kinds: Readonly<
    Record<
      string,
      {
        readonly plain: readonly (readonly number[])[]
        readonly special: readonly (readonly number[])[]
        readonly pairs: readonly Whole[]
        readonly settings?: readonly {
          readonly file: object
          readonly batch: readonly Whole[]
          readonly pairs: readonly Whole[]
        }[]
      }
    >
  >
}

const offsets: ExpectedOffsets = JSON.parse(
  readFileSync(new URL('../test/fixtures/offsets/expected.json', import.meta.url), 'utf8'),
)

/** Offsets in code points. */
function points({ offsets, texts }: Encoding, sources: readonly string[]): number[] {
  return Array.from(offsets, (offset, i) => {
    const text = texts[i >> 1]!
    return text < 0 ? 0 : [...sources[text]!.slice(0, offset)].length
  })
}

const wholeOf = (encoding: Encoding, sources: readonly string[]): Whole => ({
  ids: [...encoding.ids],
  types: [...encoding.types],
  attention: [...encoding.attention],
  special: [...encoding.special],
  offsets: points(encoding, sources),
  overflowing: encoding.overflowing.map((part) => wholeOf(part, sources)),
})

describe.each(kinds)('%s', (kind) => {
  const json = readFixture(`${kind}.json`)
  const tokenizer = Tokenizer.fromJson(json)
  const of = offsets.kinds[kind]!

  it('says where tokens stand as Hugging Face does', () => {
    for (const [i, input] of offsets.inputs.entries())
      expect(points(tokenizer.encodeWithOffsets(input), [input]), JSON.stringify(input)).toEqual(of.plain[i])
    for (const [i, input] of expected.specialInputs.entries())
      expect(points(tokenizer.encodeWithOffsets(input, { special: true }), [input]), JSON.stringify(input)).toEqual(of.special[i])
  })

  it('puts two texts together as the template says', () => {
    for (const [i, pair] of offsets.pairs.entries()) {
      const want = of.pairs[i]!
      expect(wholeOf(tokenizer.encodeWithOffsets(pair, { special: true }), pair), JSON.stringify(pair)).toEqual(want)
    }
  })

  it('gives the ids of encode, whatever the text', () => {
    fc.assert(
      fc.property(hardText, (text) => {
        const { ids } = tokenizer.encodeWithOffsets(text)
        expect([...ids]).toEqual([...tokenizer.encode(text)])
      }),
      { numRuns: 100, seed: 3 },
    )
  })

  it.skipIf(of.settings === undefined)('cuts and fills up as the file says', () => {
    for (const { file, batch, pairs } of of.settings ?? []) {
      const set = Tokenizer.fromJson({ ...Object(json), ...file })
      const texts = ['I search the altar and the torch goes out', 'x']
      expect(set.encodeBatch(texts, { special: true }).map((one, i) => wholeOf(one, [texts[i]!]))).toEqual(batch)
      const two = set.encodeBatch(offsets.pairs, { special: true }).map((one, i) => wholeOf(one, offsets.pairs[i]!))
      expect(two).toEqual(pairs)
    }
  })
})
