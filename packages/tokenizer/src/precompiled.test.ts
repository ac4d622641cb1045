import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hardText } from '../test/texts.js'
import { alignedText } from './aligned.js'
import { parseNormalizer } from './normalize.js'

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

  it.each(['', 'AAAA', '!', 'AAAB', btoa('\u0010\0\0\0abcd')])('is refused when it is broken: %j', (charsmap) => {
    expect(() => parseNormalizer({ type: 'Precompiled', precompiled_charsmap: charsmap })).toThrow(/character map|is not/)
  })
})
