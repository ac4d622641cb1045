import { describe, expect, it } from 'vitest'
import { wholeRows } from './whole-rows.js'

async function* pieces(bytes: Uint8Array, sizes: number[]) {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function cut(sizes: number[], row: number) {
  const bytes = Uint8Array.from({ length: sizes.reduce((sum, size) => sum + size, 0) }, (_, i) => i)
  const out: number[][] = []
  for await (const piece of wholeRows(pieces(bytes, sizes), row)) out.push([...piece])
  return out
}

describe('wholeRows', () => {
  it.each([[[12]], [[1, 11]], [[5, 4, 3]], [[0, 3, 0, 9]], [Array(12).fill(1)]])(
    'joins pieces of %j into whole rows of 3',
    async (sizes) => {
      const out = await cut(sizes, 3)
      expect(out.every((piece) => piece.length % 3 === 0 && piece.length > 0)).toBe(true)
      expect(out.flat()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    },
  )

  it('refuses a part of a row at the end', async () => {
    await expect(cut([4], 3)).rejects.toThrow('1 bytes are left')
  })
})
