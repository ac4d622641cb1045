import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Merges, mergeSymbols } from './merge.js'

/** The definition: look at all neighbours, merge the leftmost of lowest rank, begin again. */
function mergeReference(symbols: readonly number[], merges: Merges): number[] {
  const out = [...symbols]
  for (;;) {
    const ranked = out.slice(1).map((right, i) => {
      const pair = merges.find(out[i]!, right)
      return pair < 0 ? Number.POSITIVE_INFINITY : merges.ranks[pair]!
    })
    const rank = Math.min(...ranked, Number.POSITIVE_INFINITY)
    if (rank === Number.POSITIVE_INFINITY) return out
    const at = ranked.indexOf(rank)
    out.splice(at, 2, merges.results[merges.find(out[at]!, out[at + 1]!)]!)
  }
}

/** Random merges over four symbols; the n-th makes symbol 4 + n from two earlier ones. Ranks may tie. */
const someMerges = fc
  .array(fc.tuple(fc.nat(), fc.nat(), fc.integer({ min: 0, max: 6 })), { maxLength: 14 })
  .map((list): Merges => {
    const pairs = new Map<string, number>()
    for (const [i, [left, right]] of list.entries()) {
      const key = `${left % (4 + i)} ${right % (4 + i)}`
      if (!pairs.has(key)) pairs.set(key, i)
    }
    return {
      find: (left, right) => pairs.get(`${left} ${right}`) ?? -1,
      ranks: Int32Array.from(list, ([, , rank]) => rank),
      results: Int32Array.from(list, (_, i) => 4 + i),
    }
  })

describe('mergeSymbols', () => {
  it.each([
    ['short', 0, 48],
    ['long', 49, 160],
  ])('merges %s words as the definition does', (_, minLength, maxLength) => {
    fc.assert(
      fc.property(someMerges, fc.array(fc.nat(3), { minLength, maxLength }), (merges, word) => {
        const symbols = Int32Array.from(word)
        const count = mergeSymbols(symbols, word.length, merges)
        expect([...symbols.subarray(0, count)]).toEqual(mergeReference(word, merges))
      }),
      { numRuns: 300 },
    )
  })

  it('leaves negative symbols alone', () => {
    const merges: Merges = { find: () => 0, ranks: Int32Array.of(0), results: Int32Array.of(9) }
    const symbols = Int32Array.of(-5, 1, -7)
    expect(mergeSymbols(symbols, 3, merges)).toBe(3)
  })
})
