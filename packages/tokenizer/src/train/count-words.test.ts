import { expect, it } from 'vitest'
import { countTexts, countWords, forgetRare } from './count-words.js'

const still = async () => {}

it('counts every word while there is room', async () => {
  const counts = await countTexts(['a b a', ' a c'], countWords, still)
  expect([...counts]).toEqual([
    ['a', 1],
    [' b', 1],
    [' a', 2],
    [' c', 1],
  ])
})

it('forgets the rarest words of more than it may hold, and keeps the frequent ones exact', async () => {
  const texts = Array.from({ length: 100 }, (_, n) => ` often${' '}kept w${n}x v${n}y`)
  const counts = await countTexts(texts, countWords, still, 50)
  expect(counts.size).toBeLessThanOrEqual(50)
  expect([counts.get(' often'), counts.get(' kept')]).toEqual([100, 100])
  expect([...(await countTexts(texts, countWords, still, 50))]).toEqual([...counts])
})

it('never forgets what is to stay', () => {
  const counts = new Map([...'abcdefgh'].map((char, i) => [char, i % 3] as const))
  counts.set('ab', 1).set('abc', 9)
  forgetRare(counts, 4, (text) => text.length === 1)
  expect([...counts.keys()].join(' ')).toBe('a b c d e f g h')
  forgetRare(counts, 16, () => false)
  expect(counts.size).toBe(8)
})
