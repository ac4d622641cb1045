import { expect, test } from 'vitest'
import { tableModel } from '../test/table-model.js'
import { divergence, divergenceOfRows } from './divergence.js'

const logs = (...p: number[]) => p.map(Math.log)

test('is zero between a model and itself', async () => {
  const model = tableModel(3, () => logs(0.7, 0.2, 0.1))
  expect(await divergence(model, model, [0, 1, 2])).toMatchObject({
    mean: 0,
    median: 0,
    percentile99: 0,
    max: 0,
    topAgreement: 1,
    positions: 3,
  })
})

test('matches sums by hand: mean, largest, and agreement on the first token', async () => {
  const p = tableModel(2, () => logs(0.75, 0.25))
  // The same after an even token, turned round after an odd one.
  const q = tableModel(2, (before) => (before.at(-1)! % 2 === 0 ? logs(0.5, 0.5) : logs(0.25, 0.75)))
  const even = 0.75 * Math.log(0.75 / 0.5) + 0.25 * Math.log(0.25 / 0.5)
  const odd = 0.75 * Math.log(3) + 0.25 * Math.log(1 / 3)
  const result = await divergence(p, q, [0, 1, 0, 0], { window: 3 })
  expect(result.mean).toBeCloseTo((3 * even + odd) / 4, 6)
  expect(result.max).toBeCloseTo(odd, 6)
  expect(result.topAgreement).toBe(0.75)
  expect(result.positions).toBe(4)
})

test('does not mind what no model expects, and is infinite where q excludes what p allows', async () => {
  const p = tableModel(3, () => [Math.log(0.5), Math.log(0.5), Number.NEGATIVE_INFINITY])
  const q = tableModel(3, () => [0, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY])
  expect((await divergence(p, p, [0])).mean).toBe(0)
  expect((await divergence(p, q, [0])).mean).toBe(Number.POSITIVE_INFINITY)
  expect((await divergence(q, p, [0])).mean).toBeCloseTo(Math.log(2), 6)
})

test('stays exact for tiny differences and huge logits', async () => {
  const step = 1e-3
  const a = [Math.log(0.5), Math.log(0.5)]
  const p = tableModel(2, () => a)
  const q = tableModel(2, () => [a[0]! + step, a[1]! - step])
  // Normalised, q is (½ ± tanh(step)/2): KL = −½ log(1 − tanh² step) ≈ step²/2
  expect((await divergence(p, q, [0])).mean).toBeCloseTo(step ** 2 / 2, 9)
  const shifted = tableModel(2, () => [1000, 1000])
  expect((await divergence(p, shifted, [0])).mean).toBe(0)
})

test('a model without numbers, or of another vocabulary, is an error', async () => {
  const p = tableModel(2, () => logs(0.5, 0.5))
  const broken = tableModel(2, () => [Number.NaN, 0])
  await expect(divergence(p, broken, [0])).rejects.toMatchObject({ code: 'EVAL_NOT_FINITE' })
  await expect(divergence(broken, p, [0])).rejects.toMatchObject({ code: 'EVAL_NOT_FINITE' })
  await expect(
    divergence(
      p,
      tableModel(3, () => logs(1, 0, 0)),
      [0],
    ),
  ).rejects.toMatchObject({ code: 'EVAL_VOCABULARIES_DIFFER' })
  await expect(divergence(p, p, [])).rejects.toMatchObject({ code: 'EVAL_TEXT_TOO_SHORT' })
  await expect(divergence(p, p, [0], { window: 0 })).rejects.toMatchObject({ code: 'EVAL_WINDOW_INVALID' })
})

test('rows are read one by one, and perplexities are those of the tokens that follow', async () => {
  const p = tableModel(2, () => logs(0.75, 0.25))
  const q = tableModel(2, () => logs(0.5, 0.5))
  const seen: number[] = []
  const rows = [[0, 0, 1], [0], [1, 0]]
  const { perplexity, positions, median } = await divergenceOfRows(p, q, rows, {
    onProgress: (progress) => seen.push(progress.positions),
  })
  expect([positions, seen]).toEqual([6, [3, 4, 6]])
  expect(perplexity.p).toBeCloseTo((0.75 * 0.25 * 0.75) ** (-1 / 3), 6)
  expect(perplexity.q).toBeCloseTo(2, 6)
  expect(median).toBeCloseTo(0.75 * Math.log(1.5) + 0.25 * Math.log(0.5), 6)
})
