import { uniform } from '@qt/core'
import { expect, test } from 'vitest'
import { pairedShares } from './paired-share.js'

test('few items leave room for the truth, and swapping the runs turns the interval round', () => {
  const { low, high } = pairedShares({ both: 0, onlyA: 0, onlyB: 3, neither: 0 })
  expect([low > 0, low < 0.4, high]).toEqual([true, true, 1])
  const there = pairedShares({ both: 9, onlyA: 4, onlyB: 7, neither: 10 })
  const back = pairedShares({ both: 9, onlyA: 7, onlyB: 4, neither: 10 })
  expect([back.low, back.high]).toEqual([expect.closeTo(-there.high, 12), expect.closeTo(-there.low, 12)])
  expect([there.low < 0.1, there.high > 0.1]).toEqual([true, true])
})

test('with many items it is that of the normal approximation', () => {
  const [both, onlyA, onlyB, neither] = [40_000, 10_000, 20_000, 30_000]
  const n = both + onlyA + onlyB + neither
  const difference = (onlyB - onlyA) / n
  const half = 1.959964 * Math.sqrt(((onlyA + onlyB) / n - difference ** 2) / n)
  const { low, high } = pairedShares({ both, onlyA, onlyB, neither })
  expect([low, high]).toEqual([expect.closeTo(difference - half, 4), expect.closeTo(difference + half, 4)])
})

test.each([
  [10, 0.2, 0.9],
  [25, 0.5, 0.6],
  [40, 0.05, 0.1],
])('in 95 of 100 measurements of %i items the truth lies within', (n, p, q) => {
  const [rounds, truth] = [2000, q - p]
  let hit = 0
  for (let round = 0; round < rounds; round++) {
    let [both, onlyA, onlyB, neither] = [0, 0, 0, 0]
    for (let i = 0; i < n; i++) {
      // Items that are hard for one are hard for the other.
      const shared = uniform(round, 'shuffle', i, 0)
      const other = uniform(round, 'shuffle', i, 1) < 0.5 ? shared : uniform(round, 'shuffle', i, 2)
      const [a, b] = [shared < p, other < q]
      if (a && b) both++
      else if (a) onlyA++
      else if (b) onlyB++
      else neither++
    }
    const { low, high } = pairedShares({ both, onlyA, onlyB, neither })
    if (low <= truth && truth <= high) hit++
  }
  expect(hit / rounds).toBeGreaterThan(0.935)
  expect(hit / rounds).toBeLessThan(0.995)
})
