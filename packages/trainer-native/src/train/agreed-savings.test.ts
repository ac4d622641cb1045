import { expect, test } from 'vitest'
import { tinyRun } from '../../test/tiny-run.js'
import { alone } from '../parallel/team.js'
import { agreedSavings } from './agreed-savings.js'

/** Another process that says of chunks, and then of blocks, what is given. */
const beside = (chunk: number, checkpointing: number) => {
  const others = [chunk, checkpointing]
  return { gather: async (mine: readonly number[]) => [mine, others.splice(0, 1)] }
}

test('all processes repeat blocks as soon as one has no room for what they keep', async () => {
  const run = await tinyRun({})
  expect(await agreedSavings(run, {}, undefined, alone)).toEqual({ feedForwardChunk: false, checkpointing: false })
  const none = Number.POSITIVE_INFINITY
  expect(await agreedSavings(run, {}, undefined, beside(none, 0))).toEqual({ feedForwardChunk: false, checkpointing: false })
  const agreed = await agreedSavings(run, {}, undefined, beside(16, 1))
  expect(agreed).toEqual({ feedForwardChunk: 16, checkpointing: true })
  expect(run.planned(agreed).options).toMatchObject(agreed)
})

test('what is agreed is what this process needs, too', async () => {
  const run = await tinyRun({ training: { checkpointing: true } })
  expect(await agreedSavings(run, {}, undefined, beside(Number.POSITIVE_INFINITY, 0))).toMatchObject({ checkpointing: true })
})
