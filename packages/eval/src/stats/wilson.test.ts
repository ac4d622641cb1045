import { expect, test } from 'vitest'
import { wilson } from './wilson.js'

// Values of scipy.stats.binomtest(…).proportion_ci(method='wilson').
test.each([
  [8, 10, 0.4901625, 0.9433178],
  [0, 10, 0, 0.2775328],
  [10, 10, 0.7224672, 1],
  [50, 60, 0.7196839, 0.9068682],
])('%i of %i', (count, of, low, high) => {
  const share = wilson(count, of)
  expect(share.share).toBe(count / of)
  expect(share.low).toBeCloseTo(low, 6)
  expect(share.high).toBeCloseTo(high, 6)
})

test('nothing of nothing says nothing', () => {
  expect(wilson(0, 0)).toEqual({ share: Number.NaN, low: 0, high: 1, count: 0, of: 0 })
})
