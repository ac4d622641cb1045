import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { z } from 'zod'
import { cohensKappa, correlation, fleissKappa, rankCorrelation } from './agreement.js'
import { holm } from './holm.js'
import { intervalOf } from './interval.js'
import { mcnemar } from './mcnemar.js'
import { quantile } from './resample.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const numbers = z.array(z.number())
const fixture = z
  .object({
    mcnemar: z.array(z.object({ onlyA: z.number(), onlyB: z.number(), p: z.number() })),
    cohen: z.array(z.object({ labels: z.tuple([numbers, numbers]), kappa: z.number() })),
    fleiss: z.array(z.object({ ratings: z.array(numbers), kappa: z.number() })),
    ranks: z.array(z.object({ a: numbers, b: numbers, spearman: z.number(), pearson: z.number() })),
    effects: z.array(z.object({ differences: numbers, dz: z.number(), t: z.tuple([z.number(), z.number()]) })),
  })
  .parse(JSON.parse(await readFile(new URL('../../test/fixtures/statistics.json', import.meta.url), 'utf8')))

test("McNemar's exact test is that of statsmodels", () => {
  for (const { onlyA, onlyB, p } of fixture.mcnemar)
    expect(Math.abs(mcnemar(onlyA, onlyB).p - p), `${onlyA}, ${onlyB}`).toBeLessThanOrEqual(1e-9 * p)
})

test('agreement and correlation are those of statsmodels and scipy', () => {
  for (const { labels, kappa } of fixture.cohen) expect(cohensKappa(...labels)).toBeCloseTo(kappa, 12)
  for (const { ratings, kappa } of fixture.fleiss) expect(fleissKappa(ratings)).toBeCloseTo(kappa, 12)
  for (const { a, b, spearman, pearson } of fixture.ranks) {
    expect(rankCorrelation(a, b)).toBeCloseTo(spearman, 12)
    expect(correlation(a, b)).toBeCloseTo(pearson, 12)
  }
})

test('the bootstrap interval of a mean is close to that of the t distribution for many items', () => {
  const { differences, t } = fixture.effects.at(-1)!
  const { low, high } = intervalOf(
    { aggregate: 'mean' },
    differences.map((one) => [one, 1]),
    { samples: 4000 },
  )
  const width = t[1] - t[0]
  expect(Math.abs(low - t[0])).toBeLessThan(0.1 * width)
  expect(Math.abs(high - t[1])).toBeLessThan(0.1 * width)
})

test('an interval holds its value, is the same each time, and does not depend on the order of a sum', () => {
  fc.assert(
    fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 2, maxLength: 30 }), (values) => {
      const items = values.map((value) => [value, 1])
      const interval = intervalOf({ aggregate: 'mean' }, items, { samples: 200 })
      expect(interval.low).toBeLessThanOrEqual(interval.high)
      expect(interval.low).toBeGreaterThanOrEqual(Math.min(...values) - 1e-9)
      expect(interval.high).toBeLessThanOrEqual(Math.max(...values) + 1e-9)
      expect(intervalOf({ aggregate: 'mean' }, items, { samples: 200 })).toEqual(interval)
    }),
    { numRuns: 40 },
  )
})

test('Holm never makes a p-value smaller, keeps their order, and leaves one alone as it is', () => {
  expect(holm([0.01, 0.04, 0.03]).map((p) => p.toFixed(3))).toEqual(['0.030', '0.060', '0.060'])
  fc.assert(
    fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 10 }), (values) => {
      const adjusted = holm(values)
      for (const [i, p] of values.entries()) {
        expect(adjusted[i]).toBeGreaterThanOrEqual(p)
        for (const [k, other] of values.entries()) if (p < other) expect(adjusted[i]).toBeLessThanOrEqual(adjusted[k]!)
      }
      expect(holm([values[0]!])).toEqual([values[0]])
    }),
  )
})

test('McNemar does not mind which run comes first, and sure things are sure', () => {
  fc.assert(
    fc.property(fc.nat(300), fc.nat(300), (b, c) => {
      const { p } = mcnemar(b, c)
      expect(p).toBe(mcnemar(c, b).p)
      expect(p).toBeGreaterThan(0)
      expect(p).toBeLessThanOrEqual(1)
    }),
  )
})

test('quantiles lie between neighbours', () => {
  expect([0, 0.5, 1, 0.25].map((share) => quantile([1, 2, 3, 5], share))).toEqual([1, 2.5, 5, 1.75])
  const { POSITIVE_INFINITY: endless } = Number
  expect([0, 0.9].map((share) => quantile([1, endless, endless], share))).toEqual([1, endless])
})
