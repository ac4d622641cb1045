import fc from 'fast-check'
import { expect, test } from 'vitest'
import { groupTexts } from './near-duplicates/group-texts.js'
import { sampleWeighted } from './sample-weighted.js'
import { splitGroups } from './split-groups.js'

test('no group is in two parts, the same seed gives the same, and shares are kept as well as groups allow', () => {
  const item = fc.record({ group: fc.nat(200), stratum: fc.constantFrom('combat', 'roleplay', undefined) })
  fc.assert(
    fc.property(fc.array(item, { minLength: 1, maxLength: 400 }), fc.nat(1000), (given, seed) => {
      const items = given.map(({ group, stratum }) => ({ group, ...(stratum === undefined ? {} : { stratum }) }))
      const shares = { validation: 0.2, test: 0.1 }
      const parts = splitGroups(items, { shares, seed })
      expect(splitGroups(items, { shares, seed })).toEqual(parts)
      const partOf = new Map<number, string>()
      for (const [index, { group }] of items.entries()) {
        expect(partOf.get(group) ?? parts[index]).toBe(parts[index])
        partOf.set(group, parts[index]!)
      }
      const sizes = new Map<number, number>()
      for (const { group } of items) sizes.set(group, (sizes.get(group) ?? 0) + 1)
      const largest = Math.max(...sizes.values())
      for (const [name, share] of Object.entries(shares)) {
        const count = parts.filter((part) => part === name).length
        expect(Math.abs(count - share * items.length)).toBeLessThanOrEqual(2 * largest + 1)
      }
    }),
    { numRuns: 60 },
  )
})

test('every stratum gives its share', () => {
  const items = Array.from({ length: 1000 }, (_, i) => ({ group: i, stratum: i % 10 === 0 ? 'rare' : 'common' }))
  const parts = splitGroups(items, { seed: 3 })
  const held = (stratum: string) => items.filter((one, i) => one.stratum === stratum && parts[i] === 'validation').length
  expect([held('rare'), held('common')]).toEqual([20, 180])
})

test('near-duplicates are one group, also by way of a third', () => {
  const words = Array.from({ length: 40 }, (_, i) => `word${i}`)
  const changed = (from: number) => words.map((word, i) => (i >= from && i < from + 2 ? `other${i}` : word))
  const texts = [changed(0), words, changed(36), Array.from({ length: 40 }, (_, i) => `else${i}`)].map((list) => list.join(' '))
  const groups = groupTexts(texts, { similarity: 0.8 })
  expect([0, 1, 2, 3].map((number) => groups.of(number))).toEqual([0, 0, 0, 3])
})

test('what is drawn follows the weights, without repeating itself unless asked', () => {
  const weights = Array.from({ length: 2000 }, (_, i) => (i < 1000 ? 1 : 4))
  const drawn = sampleWeighted(weights, 500, { seed: 5 })
  expect(new Set(drawn).size).toBe(500)
  // Heavy ones are drawn about four times as often: 400 of 500, less what is used up.
  expect(drawn.filter((index) => index >= 1000).length).toBeGreaterThan(350)
  const again = sampleWeighted([1, 0, 3], 4000, { replacement: true })
  expect(again.filter((index) => index === 2).length / 4000).toBeCloseTo(0.75, 1)
  expect(again.includes(1)).toBe(false)
  expect(sampleWeighted([0, 0], 5)).toEqual(new Uint32Array())
})

test('shares that leave nothing, or that are none, are errors', () => {
  const items = [{ group: 0 }, { group: 1 }]
  for (const shares of [{ validation: 1 }, { validation: 0.6, test: 0.5 }, { test: -0.1 }, { train: 0.5 }, { '../x': 0.1 }])
    expect(() => splitGroups(items, { shares })).toThrow(expect.objectContaining({ code: 'DATA_OPTION' }))
})
