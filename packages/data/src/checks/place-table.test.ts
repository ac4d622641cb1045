import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hashText } from '../hash-text.js'
import { PlaceTable } from './place-table.js'

test('gives what a Map gives', () => {
  const hash = fc.oneof(
    fc.integer({ min: 0, max: 40 }),
    fc.maxSafeNat(),
    fc.string().map((text) => hashText(text)),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(hash, fc.integer({ min: 0, max: 2 ** 40 })), { maxLength: 3000, size: 'max' }), (entries) => {
      const [table, map] = [new PlaceTable(), new Map<number, number>()]
      for (const [key, place] of entries) {
        expect(table.get(key)).toBe(map.get(key))
        table.set(key, place)
        map.set(key, place)
      }
      expect(table.size).toBe(map.size)
      for (const [key, place] of map) expect([table.has(key), table.get(key)]).toEqual([true, place])
      expect([table.has(0.5), table.get(0.5)]).toEqual([false, undefined])
    }),
    { numRuns: 50 },
  )
})
