import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { interleaveRows, separateRows } from './permute-rows.js'

describe('row order of rotary projections', () => {
  it('interleaves the halves of each head', () => {
    const rows = Float32Array.of(0, 1, 2, 3, 10, 11, 12, 13)
    expect([...interleaveRows(rows, 2, 4)]).toEqual([0, 2, 1, 3, 10, 12, 11, 13])
  })

  it('moves rows whole, whatever their width', () => {
    const rows = Uint8Array.of(0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3)
    expect([...interleaveRows(rows, 1, 4)]).toEqual([0, 0, 0, 2, 2, 2, 1, 1, 1, 3, 3, 3])
  })

  it('is undone by its inverse', () => {
    const sizes = fc.record({
      heads: fc.integer({ min: 1, max: 4 }),
      half: fc.integer({ min: 1, max: 8 }),
      width: fc.integer({ min: 1, max: 5 }),
    })
    fc.assert(
      fc.property(sizes, ({ heads, half, width }) => {
        const rows = Float32Array.from({ length: heads * half * 2 * width }, (_, i) => i)
        expect(separateRows(interleaveRows(rows, heads, half * 2), heads, half * 2)).toEqual(rows)
      }),
    )
  })
})
