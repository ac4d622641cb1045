import { uniform } from '@qt/core'
import { expect, test } from 'vitest'
import { packRows } from './pack-rows.js'

test('fills rows exactly when the pieces allow it', () => {
  expect(packRows([3, 5, 2, 6], 8)).toEqual([
    [0, 1],
    [2, 3],
  ])
})

test('keeps every piece once, never passes the capacity, and wastes less than two per cent on many pieces', () => {
  const lengths = Array.from({ length: 5000 }, (_, index) => 1 + Math.floor(uniform(7, 'sample', 0, index) * 300))
  const rows = packRows(lengths, 512)
  expect(rows.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, index) => index))
  for (const row of rows) expect(row.reduce((sum, piece) => sum + lengths[piece]!, 0)).toBeLessThanOrEqual(512)
  const total = lengths.reduce((sum, length) => sum + length, 0)
  expect(total / (rows.length * 512)).toBeGreaterThan(0.98)
  expect(packRows(lengths, 512)).toEqual(rows)
})

test('agrees with a slow best-fit on every small case', () => {
  for (let seed = 0; seed < 200; seed++) {
    const capacity = 1 + Math.floor(uniform(seed, 'sample', 1, 0) * 20)
    const lengths = Array.from({ length: 15 }, (_, i) => 1 + Math.floor(uniform(seed, 'sample', 2, i) * capacity))
    expect(packRows(lengths, capacity).length, `seed ${seed}`).toBe(slowBestFit(lengths, capacity))
  }
})

function slowBestFit(lengths: readonly number[], capacity: number): number {
  const space: number[] = []
  for (const length of [...lengths].sort((a, b) => b - a)) {
    let best = -1
    for (const [row, left] of space.entries()) if (left >= length && (best < 0 || left < space[best]!)) best = row
    if (best < 0) space.push(capacity - length)
    else space[best]! -= length
  }
  return space.length
}

test('refuses a piece that no row can hold', () => {
  expect(() => packRows([9], 8)).toThrow('does not fit')
})
