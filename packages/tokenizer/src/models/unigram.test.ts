import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ids } from '../ids.js'
import { vocabularyOf } from '../vocabulary.js'
import { unigram } from './unigram.js'

const idsOf = (tokens: readonly string[], scores: readonly number[], text: string, unknown: number | undefined = 0): number[] => {
  const out = new Ids()
  unigram({ vocabulary: vocabularyOf(tokens, 'vocab'), scores, unknown, byteFallback: false }).encode(text, 0, text.length, out)
  return [...out.toArray()]
}

/** Every way to write a text in tokens. */
function segmentations(tokens: readonly string[], text: string): number[][] {
  if (text === '') return [[]]
  return tokens.flatMap((token, id) =>
    token !== '' && text.startsWith(token) ? segmentations(tokens, text.slice(token.length)).map((rest) => [id, ...rest]) : [],
  )
}

describe('unigram', () => {
  it('finds a segmentation that no other surpasses', () => {
    const tokens = ['<unk>', 'a', 'b', 'ab', 'ba', 'aab', 'bb', 'abba']
    const text = fc.array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 10 }).map((list) => list.join(''))
    const scores = fc.array(fc.integer({ min: -50, max: -1 }), { minLength: tokens.length, maxLength: tokens.length })
    fc.assert(
      fc.property(text, scores, (input, score) => {
        const total = (ids: readonly number[]) => ids.reduce((sum, id) => sum + score[id]!, 0)
        const found = idsOf(tokens, score, input)
        expect(found.map((id) => tokens[id]).join('')).toBe(input)
        expect(total(found)).toBe(Math.max(...segmentations(tokens, input).map(total)))
      }),
    )
  })

  it('counts neighbouring unknown characters as one', () => expect(idsOf(['<unk>', 'a'], [0, -1], 'xyaz')).toEqual([0, 1, 0]))

  it('says which text it cannot write without an unknown token', () => {
    const model = unigram({ vocabulary: vocabularyOf(['a'], 'vocab'), scores: [-1], unknown: undefined, byteFallback: false })
    expect(() => model.encode('ax', 0, 2, new Ids())).toThrow(expect.objectContaining({ code: 'TOKENIZER_NO_UNKNOWN' }))
  })
})
