import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hardText } from '../test/texts.js'
import { alignedText } from './aligned.js'
import { parseNormalizer } from './normalize.js'
import { precompiledNormalizer } from './precompiled.js'

/** What Hugging Face's tokenizers gave; made by fixtures/precompiled/make_precompiled.py. Offsets count code points. */
interface Expected {
  readonly charsmap: string
  readonly cases: readonly { readonly input: string; readonly text: string; readonly offsets: readonly number[] }[]
}

const expected: Expected = JSON.parse(
  readFileSync(new URL('../test/fixtures/precompiled/expected.json', import.meta.url), 'utf8'),
)
const normalizer = parseNormalizer({ type: 'Precompiled', precompiled_charsmap: expected.charsmap })!

describe('a precompiled character map', () => {
  it.each(expected.cases)('makes of $input what Hugging Face makes of it', ({ input, text, offsets }) => {
    expect(normalizer.text(input)).toBe(text)
    const { from, to, text: same } = normalizer.aligned(alignedText(input))
    expect(same).toBe(text)
    const points = (unit: number) => [...input.slice(0, unit)].length
    let at = 0
    const got = [...same].flatMap((char) => {
      const place = at
      at += char.length
      return [points(from[place]!), points(to[place]!)]
    })
    expect(got).toEqual(offsets)
  })

  it('gives one text, followed or not', () => {
    fc.assert(
      fc.property(hardText, (text) => {
        expect(normalizer.aligned(alignedText(text)).text).toBe(normalizer.text(text))
      }),
    )
  })

  it('gives of a text what it gives of its graphemes', () => {
    const segmenter = new Intl.Segmenter('und', { granularity: 'grapheme' })
    const parts = fc.constantFrom(
      'я',
      'e\u0301',
      '\r',
      '\r\n',
      'a',
      ' ',
      '한',
      '\u1100\u1161',
      '🇩🇪🇫🇷',
      '👩\u200d👩',
      '\u0600',
      'क्षि',
      '\u0301',
      'ab',
      '½',
    )
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 12 }), fc.integer({ min: 1, max: 90 }), (list, times) => {
        const text = list.join('').repeat(times)
        const single = [...segmenter.segment(text)].map(({ segment }) => normalizer.text(segment))
        expect(normalizer.text(text)).toBe(single.join(''))
      }),
      { numRuns: 60 },
    )
  })

  it('keeps marks of two units with their letter wherever it stands', () => {
    // A map that knows nothing but A → a: the trie's root, its edge A and the leaf behind that.
    const units = new Uint32Array(256)
    units[0x41] = 0x41 | 0x100 | (0x80 << 10)
    units[0xc1] = 0x80000000
    const bytes = [...new Uint8Array(Uint32Array.of(units.byteLength).buffer), ...new Uint8Array(units.buffer), 0x61, 0]
    const folding = precompiledNormalizer(btoa(String.fromCharCode(...bytes)), 'map')
    for (const count of [3, 250, 251, 252, 253, 254, 255, 256, 257]) {
      // The mark goes with the letter, as in Hugging Face's.
      expect(folding.text(`${'я'.repeat(count)}A\u{1d165}`), String(count)).toBe(`${'я'.repeat(count)}a`)
    }
  })

  it('reads long texts of any script in linear time', () => {
    for (const text of ['я'.repeat(300_000), 'привет '.repeat(40_000), `e${'\u0302'.repeat(100_000)}`])
      expect(normalizer.text(text)).toBe(text)
  })

  it.each(['', 'AAAA', '!', 'AAAB', btoa('\u0010\0\0\0abcd')])('is refused when it is broken: %j', (charsmap) => {
    expect(() => parseNormalizer({ type: 'Precompiled', precompiled_charsmap: charsmap })).toThrow(/character map|is not/)
  })
})
