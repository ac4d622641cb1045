import { expect, test } from 'vitest'
import { corpus } from './texts.js'

test('the same seed gives the same texts, another seed gives others', () => {
  expect(corpus('stories', { count: 20, seed: 3 })).toEqual(corpus('stories', { count: 20, seed: 3 }))
  expect(corpus('stories', { count: 20, seed: 3 })).not.toEqual(corpus('stories', { count: 20, seed: 4 }))
})

test('a text does not depend on how many are made', () => {
  expect(corpus('scenes', { count: 50 }).slice(0, 10)).toEqual(corpus('scenes', { count: 10 }))
})

test('hardly any two of a thousand stories are alike', () => {
  expect(new Set(corpus('stories', { count: 1000 })).size).toBeGreaterThan(995)
})

test('every story is whole sentences without a gap', () => {
  for (const text of corpus('stories', { count: 500 })) {
    expect(text).toMatch(/^[A-Z].*[.!?"]$/)
    expect(text).not.toMatch(/undefined|\s\s| [.,!?]|\[object/)
  }
})

test('the sum of every roll is right and decides the outcome', () => {
  for (const text of corpus('scenes', { count: 500 })) {
    const [, die, bonus, sum] = /: (\d+) \+ (\d+) = \*(\d+)\*/.exec(text)!.map(Number)
    expect(die! + bonus!).toBe(sum)
    expect(text.includes('*SUCCESS*')).toBe(sum! >= 12)
  }
})
