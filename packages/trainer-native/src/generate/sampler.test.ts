import { describe, expect, test } from 'vitest'
import { sampler } from './sampler.js'

const logits = () => Float32Array.from([1, 4, 3.5, -2, 3.9])
const drawn = (options: Parameters<typeof sampler>[0], count = 400): Set<number> => {
  const choose = sampler(options)
  return new Set(Array.from({ length: count }, (_, i) => choose.next(logits(), i, [])))
}

test('temperature 0 takes the likeliest, the first of equals', () => {
  expect(sampler({ temperature: 0 }).next(logits(), 0, [])).toBe(1)
  expect(sampler({ temperature: 0 }).next(Float32Array.from([2, 5, 5]), 0, [])).toBe(1)
})

describe('the distribution is cut', () => {
  test('by top-k', () => expect(drawn({ temperature: 5, topK: 2 })).toEqual(new Set([1, 4])))
  test('by top-p, which keeps at least one', () => {
    expect(drawn({ temperature: 1, topP: 1e-9 })).toEqual(new Set([1]))
    // Shares at temperature 1: 0.40, 0.37, 0.25 … so two make more than 0.6.
    expect(drawn({ temperature: 1, topP: 0.6 })).toEqual(new Set([1, 4]))
  })
  test.each([
    { temperature: -1 },
    { temperature: Number.NaN },
    { topP: 0 },
    { topP: 5 },
    { topK: -3 },
    { repetitionPenalty: 0 },
    { maxTokens: 1.5 },
  ])('but %j is refused', (options) => expect(() => sampler(options)).toThrow(/cannot be/))
  test('by min-p', () => expect(drawn({ temperature: 1, minP: 0.5 })).toEqual(new Set([1, 2, 4])))
  test('by nothing when nothing is asked', () => expect(drawn({ temperature: 20 })).toEqual(new Set([0, 1, 2, 3, 4])))
})

test('tokens are drawn as often as they are likely', () => {
  const choose = sampler({ temperature: 1, seed: 9 })
  const counts = [0, 0]
  for (let i = 0; i < 4000; i++) counts[choose.next(Float32Array.from([0, Math.log(3)]), i, [])]!++
  expect(counts[1]! / 4000).toBeCloseTo(0.75, 1)
})

test('draws follow from seed and position alone', () => {
  const sequence = (seed: number) => Array.from({ length: 50 }, (_, i) => sampler({ temperature: 2, seed }).next(logits(), i, []))
  expect(sequence(1)).toEqual(sequence(1))
  expect(sequence(1)).not.toEqual(sequence(2))
})

test('the repetition penalty lowers what was said within the last 64 tokens', () => {
  const penalised = sampler({ temperature: 0, repetitionPenalty: 2 })
  expect(penalised.next(logits(), 0, [1])).toBe(4)
  expect(penalised.next(logits(), 0, [1, ...Array.from({ length: 64 }, () => 0)])).toBe(1)
  expect(penalised.next(Float32Array.from([-1, -1.5]), 0, [0])).toBe(1)
})
