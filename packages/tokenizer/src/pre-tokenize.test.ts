import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hardText } from '../test/texts.js'
import { bertReference, bertSteps, type PreTokenizer, parsePreTokenizer, preTokenizer } from './pre-tokenize.js'

const cut = (tokenizer: PreTokenizer, text: string, first = true): string[] => {
  const words: string[] = []
  tokenizer(text, 0, text.length, first, (piece, from, to) => words.push(piece.slice(from, to)))
  return words
}

const parsed = (json: unknown): PreTokenizer => preTokenizer(parsePreTokenizer(json)!.steps)

describe('bertSteps', () => {
  it('cuts like its definition', () => {
    fc.assert(
      fc.property(hardText, (text) => {
        expect(cut(preTokenizer(bertSteps), text)).toEqual(cut(preTokenizer(bertReference), text).filter((word) => word !== ''))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('Metaspace', () => {
  it('marks words, with a mark before the text as the scheme says', () => {
    const words = (scheme: string, first: boolean) =>
      cut(parsed({ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme }), 'a  b', first)
    expect(words('always', false)).toEqual(['▁a', '▁', '▁b'])
    expect(words('first', true)).toEqual(['▁a', '▁', '▁b'])
    expect(words('first', false)).toEqual(['a', '▁', '▁b'])
    expect(words('never', true)).toEqual(['a', '▁', '▁b'])
  })
})

describe('Digits', () => {
  it('come together or one by one', () => {
    expect(cut(parsed({ type: 'Digits', individual_digits: true }), 'a12b')).toEqual(['a', '1', '2', 'b'])
    expect(cut(parsed({ type: 'Digits' }), 'a12b')).toEqual(['a', '12', 'b'])
  })
})
