import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { meanPassAtK, passAtK } from './pass-at-k.js'

const choose = (n: number, k: number): number => {
  let result = 1
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i
  return result
}

test('it is 1 − C(n−c, k) / C(n, k)', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (n, a, b) => {
      const [c, k] = [a % (n + 1), 1 + (b % n)]
      const expected = n - c < k ? 1 : 1 - choose(n - c, k) / choose(n, k)
      expect(passAtK(n, c, k)).toBeCloseTo(expected, 10)
    }),
  )
})

const runs: readonly {
  readonly samples: number
  readonly passed: readonly number[]
  readonly k: number
  readonly values: readonly number[]
  readonly mean: number
}[] = JSON.parse(await readFile(new URL('../../test/fixtures/pass-at-k.json', import.meta.url), 'utf8'))

test.each(runs)(
  "pass@$k of $samples samples is that of HumanEval's own evaluation to 1e-9",
  ({ samples, passed, k, values, mean }) => {
    for (const [i, c] of passed.entries()) expect(Math.abs(passAtK(samples, c, k) - values[i]!)).toBeLessThanOrEqual(1e-9)
    const problems = passed.map((c) => ({ samples, passed: c }))
    expect(Math.abs(meanPassAtK(problems, k) - mean)).toBeLessThanOrEqual(1e-9)
  },
)

test('values of the reference implementation', () => {
  // numpy: 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
  expect(passAtK(10, 3, 5)).toBeCloseTo(0.9166666666666666, 14)
  expect(passAtK(200, 7, 100)).toBeCloseTo(0.9929911172418123, 12)
  expect([passAtK(5, 0, 5), passAtK(5, 5, 1), passAtK(1, 1, 1), passAtK(4, 1, 4)]).toEqual([0, 1, 1, 1])
  expect(
    meanPassAtK(
      [
        { samples: 2, passed: 1 },
        { samples: 2, passed: 2 },
      ],
      1,
    ),
  ).toBe(0.75)
})

test('what cannot be estimated is an error', () => {
  for (const [n, c, k] of [
    [1, 0, 2],
    [0, 0, 1],
    [3, 4, 1],
    [3, -1, 1],
    [2.5, 1, 1],
  ] as const)
    expect(() => passAtK(n, c, k)).toThrow(expect.objectContaining({ code: 'EVAL_SAMPLES' }))
})
