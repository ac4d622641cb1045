import { expect, test } from 'vitest'
import { tableModel } from '../test/table-model.js'
import { perplexity } from './perplexity.js'

const ids = [0, 1, 0, 1, 1, 0, 1, 0, 0, 1]

test('a uniform model has the size of its vocabulary as perplexity', async () => {
  const uniform = tableModel(4, () => Array(4).fill(Math.log(1 / 4)))
  const result = await perplexity(uniform, ids)
  expect(result.perplexity).toBeCloseTo(4, 6)
  expect(result.loss).toBeCloseTo(Math.log(4), 6)
  expect(result.tokens).toBe(9)
})

test('matches a sum by hand', async () => {
  // p(1 | …) = 3/4, p(0 | …) = 1/4; after the first token there are five 1s and four 0s.
  const model = tableModel(2, () => [Math.log(1 / 4), Math.log(3 / 4)])
  const { perplexity: value } = await perplexity(model, ids)
  expect(value).toBeCloseTo(Math.exp(-(5 * Math.log(3 / 4) + 4 * Math.log(1 / 4)) / 9), 5)
})

test('scores every token once, with disjoint windows that share a token', async () => {
  const model = tableModel(2, () => [Math.log(1 / 2), Math.log(1 / 2)])
  const { tokens } = await perplexity(model, [0, 1, 0, 1, 0, 1, 0], { window: 3 })
  expect(tokens).toBe(6)
  expect(model.calls).toEqual([
    [0, 1, 0],
    [0, 1, 0],
    [0, 1, 0],
  ])
})

test('a smaller stride gives more context', async () => {
  // The longer the context the surer the model: p = 1 − 2^−(length + 1).
  const model = tableModel(1, (before) => [Math.log(1 - 2 ** -(before.length + 1))])
  const text = Array(40).fill(0)
  const of = async (stride?: number) => (await perplexity(model, text, { window: 8, ...(stride ? { stride } : {}) })).loss
  const whole = (await perplexity(model, text, { window: 64 })).loss
  expect(await of(1)).toBeLessThan(await of(4))
  expect(await of(4)).toBeLessThan(await of())
  expect(whole).toBeLessThan(await of(1))
})

test('a token that cannot be makes perplexity infinite, a model without numbers is an error', async () => {
  const sure = tableModel(2, () => [0, Number.NEGATIVE_INFINITY])
  expect((await perplexity(sure, [0, 1])).perplexity).toBe(Number.POSITIVE_INFINITY)
  const broken = tableModel(2, () => [Number.NaN, Number.NaN])
  await expect(perplexity(broken, [0, 1])).rejects.toMatchObject({ code: 'EVAL_NOT_FINITE' })
})

test('refuses impossible windows and texts that are too short', async () => {
  const model = tableModel(2, () => [Math.log(1 / 2), Math.log(1 / 2)])
  for (const options of [{ window: 1 }, { window: 4, stride: 5 }, { stride: 0 }, { window: 4.5 }])
    await expect(perplexity(model, ids, options)).rejects.toMatchObject({ code: 'EVAL_WINDOW_INVALID' })
  await expect(perplexity(model, [0])).rejects.toMatchObject({ code: 'EVAL_TEXT_TOO_SHORT' })
})
