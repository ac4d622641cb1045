import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Ids } from './ids.js'
import { sentencePiece } from './models/sentencepiece.js'
import { vocabularyOf } from './vocabulary.js'
import { wordBoundaries } from './word-boundaries.js'

const characters = ['▁', 'a', 'b', '\n', '中', '𝒳']
const token = fc.array(fc.constantFrom(...characters), { minLength: 1, maxLength: 4 }).map((list) => list.join(''))
const vocabulary = fc.uniqueArray(token, { minLength: 1, maxLength: 12 })
const text = fc.array(fc.constantFrom(...characters, 'x'), { maxLength: 40 }).map((list) => list.join(''))

describe('wordBoundaries', () => {
  it('cut where the ids stay the same as without cutting', () => {
    fc.assert(
      fc.property(
        vocabulary,
        fc.array(fc.integer({ min: -9, max: 0 }), { minLength: 13, maxLength: 13 }),
        text,
        (tokens, scores, input) => {
          const model = sentencePiece({ vocabulary: vocabularyOf(['<unk>', ...tokens], 'tokens'), scores, unknown: 0 })
          const whole = new Ids()
          model.encode(input, 0, input.length, whole)
          const cut = new Ids()
          wordBoundaries(tokens)(input, 0, input.length, (from, to) => model.encode(input, from, to, cut))
          expect([...cut.toArray()]).toEqual([...whole.toArray()])
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('keep surrogate pairs together', () => {
    const words: string[] = []
    wordBoundaries([])('𝒳𝒳a', 0, 5, (from, to) => words.push('𝒳𝒳a'.slice(from, to)))
    expect(words).toEqual(['𝒳', '𝒳', 'a'])
  })
})
