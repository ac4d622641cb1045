import { expect, test } from 'vitest'
import { hashText } from './hash-text.js'

test('one text after another loses nothing of the first', () => {
  const hashes = Array.from({ length: 300_000 }, (_, i) => hashText('Yes.', hashText(`Is ${i} a number?`)))
  expect(new Set(hashes).size).toBe(300_000)
})
