import { ignoreLabel, type PackedRow } from '@qt/core'
import { expect, test } from 'vitest'
import { tableModel } from '../test/table-model.js'
import { perplexityOfChats } from './perplexity-of-chats.js'

const rows = (...list: PackedRow[]) => ({ length: list.length, row: (index: number) => list[index]! })
const row = (ids: number[], labels: number[], documents = [0, ids.length]): PackedRow => ({
  ids: Int32Array.from(ids),
  labels: Int32Array.from(labels),
  documents: Int32Array.from(documents),
})
const none = ignoreLabel
// p(1 | …) = 3/4, p(0 | …) = 1/4
const model = () => tableModel(2, () => [Math.log(1 / 4), Math.log(3 / 4)])

test('only tokens that carry loss count', async () => {
  const { perplexity, loss, tokens } = await perplexityOfChats(model(), rows(row([0, 0, 1, 0, 1], [none, 1, none, 1, none])))
  expect(tokens).toBe(2)
  expect(loss).toBeCloseTo(-Math.log(3 / 4), 6)
  expect(perplexity).toBeCloseTo(4 / 3, 6)
})

test('every document of a row is scored on its own, and one without loss not at all', async () => {
  const table = model()
  const packed = row([0, 1, 1, 1, 0, 0], [1, none, 1, none, none, none], [0, 2, 4, 6])
  const { tokens } = await perplexityOfChats(table, rows(packed))
  expect([tokens, table.calls]).toEqual([
    2,
    [
      [0, 1],
      [1, 1],
    ],
  ])
})

test('a mean over all rows is one over tokens, not over rows', async () => {
  const { loss } = await perplexityOfChats(model(), rows(row([0, 1, 1, 1], [1, 1, 1, none]), row([0, 0], [0, none])))
  expect(loss).toBeCloseTo(-(3 * Math.log(3 / 4) + Math.log(1 / 4)) / 4, 6)
})

test('tokens count by their weights, and those that weigh nothing are not asked for', async () => {
  const table = model()
  const packed = {
    ...row([0, 1, 0, 0, 1, 1], [1, none, 0, none, 1, none], [0, 2, 4, 6]),
    weights: Float32Array.of(9, 9, 1, 1, 0, 0),
  }
  const { loss, perplexity, tokens } = await perplexityOfChats(table, rows(packed, row([0, 1], [1, none])))
  const expected = -(10 * Math.log(3 / 4) + Math.log(1 / 4)) / 11
  expect([loss, perplexity]).toEqual([expect.closeTo(expected, 6), expect.closeTo(Math.exp(expected), 6)])
  expect([tokens, table.calls.length]).toEqual([3, 3])
  const nothing = { ...row([0, 1], [1, none]), weights: Float32Array.of(0, 0) }
  await expect(perplexityOfChats(table, rows(nothing))).rejects.toMatchObject({ code: 'EVAL_NO_ITEMS' })
})

test('the pieces of a text that was cut count, but for what begins the next one', async () => {
  const { tokens, loss } = await perplexityOfChats(model(), rows(row([0, 1, 1], [1, 1, 0]), row([0, 0], [0, none])))
  expect(tokens).toBe(3)
  expect(loss).toBeCloseTo(-(2 * Math.log(3 / 4) + Math.log(1 / 4)) / 3, 6)
  await expect(perplexityOfChats(model(), rows(row([0], [1])))).rejects.toMatchObject({ code: 'EVAL_NO_ITEMS' })
})

test('rows without loss, foreign labels and a model without numbers are errors', async () => {
  await expect(perplexityOfChats(model(), rows(row([0, 1], [none, none])))).rejects.toMatchObject({ code: 'EVAL_NO_ITEMS' })
  await expect(perplexityOfChats(model(), rows(row([0, 1], [0, none])))).rejects.toMatchObject({ code: 'EVAL_LABELS_DIFFER' })
  const broken = tableModel(2, () => [Number.NaN, Number.NaN])
  await expect(perplexityOfChats(broken, rows(row([0, 1], [1, none])))).rejects.toMatchObject({ code: 'EVAL_NOT_FINITE' })
})
