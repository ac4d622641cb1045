import { parseConfig } from '@qt/core'
import { expect, test } from 'vitest'
import { learningRateAt } from './schedule.js'

const settings = (training: Record<string, unknown>) =>
  parseConfig({ base: 'x', data: { path: 'y' }, training: { learningRate: 1, ...training } }).training

const rates = (total: number, training: Record<string, unknown>): number[] =>
  Array.from({ length: total }, (_, i) => learningRateAt(i + 1, total, settings(training)))

test('constant', () => expect(rates(3, { schedule: 'constant' })).toEqual([1, 1, 1]))

test('linear falls by equal steps and would reach zero after the last', () =>
  expect(rates(4, { schedule: 'linear' })).toEqual([1, 0.75, 0.5, 0.25]))

test('cosine is half way down in the middle', () => {
  const [first, second, third, last] = rates(4, { schedule: 'cosine' })
  expect(first).toBe(1)
  expect(second).toBeCloseTo(0.8536, 4)
  expect(third).toBeCloseTo(0.5, 10)
  expect(last).toBeCloseTo(0.1464, 4)
})

test('warm-up rises in equal steps to the full rate, and the rest follows', () => {
  expect(rates(6, { schedule: 'linear', warmupSteps: 2 })).toEqual([0.5, 1, 1, 0.75, 0.5, 0.25])
  expect(rates(2, { schedule: 'cosine', warmupSteps: 10 })).toEqual([0.1, 0.2])
})
