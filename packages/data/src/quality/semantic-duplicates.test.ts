import type { Embedder } from '@qt/core'
import { expect, test } from 'vitest'
import { SemanticDuplicates } from './semantic-duplicates.js'

/** Counts of letters: anagrams mean the same. */
const embedder: Embedder = {
  dimensions: 26,
  embed: async (texts) =>
    texts.map((text) => {
      const vector = new Float32Array(26)
      for (const letter of text.toLowerCase().match(/[a-z]/g) ?? []) vector[letter.charCodeAt(0) - 97]! += 1
      return vector
    }),
}

test('what means the same as an earlier text is found with its number, and is not compared with later ones', async () => {
  const finder = new SemanticDuplicates(embedder, { similarity: 0.98 })
  expect(await finder.add(['listen', 'apple', 'silent'])).toEqual([
    undefined,
    undefined,
    { of: 0, similarity: expect.closeTo(1, 5) },
  ])
  expect(await finder.add(['enlist', 'tinsel!', 'pear'])).toEqual([
    { of: 0, similarity: expect.closeTo(1, 5) },
    { of: 0, similarity: expect.closeTo(1, 5) },
    undefined,
  ])
  expect((await finder.add(['reap']))[0]).toMatchObject({ of: 5 })
  expect(() => new SemanticDuplicates(embedder, { similarity: 2 })).toThrow('above -1 and up to 1')
})

test('more texts than there was room for keep their vectors', async () => {
  const finder = new SemanticDuplicates(
    {
      dimensions: 2,
      embed: async (texts) => texts.map((text) => Float32Array.of(Math.cos(Number(text)), Math.sin(Number(text)))),
    },
    { similarity: 0.9999999 },
  )
  const angles = Array.from({ length: 1500 }, (_, index) => String(index / 500))
  expect((await finder.add(angles)).every((match) => match === undefined)).toBe(true)
  expect(await finder.add(['2.5'])).toEqual([{ of: 1250, similarity: expect.closeTo(1, 5) }])
})
