import { type PackedRow, parseConfig, type RowSource } from '@qt/core'
import { describe, expect, test } from 'vitest'
import { extent, windows } from './windows.js'

/** Row i has the ids i, i, …; its length varies, and its first label is masked. */
const source = (count: number): RowSource => ({
  length: count,
  row(i): PackedRow {
    const ids = new Int32Array(2 + (i % 3)).fill(i)
    const labels = Int32Array.from(ids)
    labels[0] = -100
    return { ids, labels, documents: Int32Array.from([0, 1, ids.length]) }
  },
})
const settings = (training: Record<string, unknown>) => parseConfig({ base: 'x', data: { path: 'y' }, training }).training

describe('22 rows, two batches of three rows a step', () => {
  const plan = windows(source(22), true, settings({ batchSize: 3, gradAccumulation: 2, epochs: 3, seed: 5 }))
  const rowsOf = (step: number): number[] =>
    plan.window(step).flatMap(({ ids, borders }) => [...borders].slice(0, -1).map((b) => ids[b]!))
  const epoch = (first: number): number[] => [1, 2, 3, 4].flatMap((i) => [...new Set(rowsOf(first + i - 1))])

  test('steps and epochs', () => {
    expect([plan.stepsPerEpoch, plan.totalSteps, plan.epoch(4), plan.epoch(6)]).toEqual([4, 12, 1, 1.5])
  })

  test('every row comes once an epoch, in another order each time', () => {
    const [one, two] = [epoch(1), epoch(5)]
    const all = Array.from({ length: 22 }, (_, i) => i)
    for (const order of [one, two]) expect(order.toSorted((a, b) => a - b)).toEqual(all)
    expect(one).not.toEqual(two)
    expect(one).not.toEqual(all)
  })

  test('the last window of an epoch holds what is left', () => {
    expect(plan.window(1).map(({ borders }) => (borders.length - 1) / 2)).toEqual([3, 3])
    expect(plan.window(4).map(({ borders }) => (borders.length - 1) / 2)).toEqual([3, 1])
  })

  test('a window follows from its number alone, so resuming needs nothing else', () => {
    const again = windows(source(22), true, settings({ batchSize: 3, gradAccumulation: 2, epochs: 3, seed: 5 }))
    for (const step of [9, 2, 12, 5]) expect(again.window(step)).toEqual(plan.window(step))
    const other = windows(source(22), true, settings({ batchSize: 3, gradAccumulation: 2, epochs: 3, seed: 6 }))
    expect(other.window(1)).not.toEqual(plan.window(1))
  })
})

test('rows lie side by side with the borders of their documents and the count of what carries loss', () => {
  const [batch, ...others] = windows(source(3), false, settings({ batchSize: 3, steps: 1 })).window(1)
  expect(others).toEqual([])
  expect([...batch!.ids]).toEqual([0, 0, 1, 1, 1, 2, 2, 2, 2])
  expect([...batch!.borders]).toEqual([0, 1, 2, 3, 5, 6, 9])
  expect(batch!.trainable).toBe(6)
})

test('without shuffling rows keep their order; steps go beyond an epoch', () => {
  const plan = windows(source(4), false, settings({ batchSize: 2, steps: 5 }))
  expect([1, 2, 3].map((step) => plan.window(step)[0]!.ids[0])).toEqual([0, 2, 0])
  expect([plan.totalSteps, plan.epoch(5)]).toEqual([5, 2.5])
})

test('memory is planned for the longest rows together and the longest document', () => {
  expect(extent([source(10), undefined], 2)).toEqual({ maxTokens: 8, maxPositions: 3 })
  expect(extent([source(2), source(9)], 100)).toEqual({ maxTokens: 27, maxPositions: 3 })
})

test.each([1, 2, 3, 5, 8])('%i processes share the rows of a step, each row once, in turns', (size) => {
  const plan = windows(source(22), true, settings({ batchSize: 2, gradAccumulation: 2, epochs: 2, seed: 5 }), 6)
  for (let step = 1; step <= plan.totalSteps; step++) {
    const whole = plan.window(step)
    const shares = Array.from({ length: size }, (_, rank) => plan.window(step, { rank, size }))
    expect(whole.map((_, micro) => shares[micro % size]![Math.floor(micro / size)])).toEqual(whole)
    expect(plan.rows(step)).toBe(whole.reduce((sum, { rows }) => sum + rows, 0))
    expect(shares.reduce((sum, { length }) => sum + length, 0)).toBe(plan.count(step))
  }
})
