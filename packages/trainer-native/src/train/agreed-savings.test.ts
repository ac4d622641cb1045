import { expect, test } from 'vitest'
import { tinyRun } from '../../test/tiny-run.js'
import { agreedSavings } from './agreed-savings.js'

/** A process beside another, which says these numbers when it is asked. */
const beside = (tensorParallel: number, ...said: number[]) => ({
  tensorParallel,
  gather: async (mine: readonly number[]) => [mine, [said.shift() ?? 0]],
})
const all = Number.POSITIVE_INFINITY

test('processes that share blocks repeat them all as soon as one has to', async () => {
  const run = await tinyRun({})
  expect(run.step.plan.checkpointing).toBe(false)
  expect(await agreedSavings(run, {}, undefined, beside(2, all, 1))).toEqual({ feedForwardChunk: false, checkpointing: true })
  expect(await agreedSavings(run, {}, undefined, beside(2, all, 0))).toEqual({ feedForwardChunk: false })
  const repeats = await tinyRun({ training: { checkpointing: true } })
  expect(await agreedSavings(repeats, {}, undefined, beside(2, 16, 0))).toEqual({ feedForwardChunk: 16, checkpointing: true })
})

test('others repeat blocks or keep what is in them each as it likes', async () => {
  expect(await agreedSavings(await tinyRun({}), {}, undefined, beside(1, all, 1))).toEqual({ feedForwardChunk: false })
})
