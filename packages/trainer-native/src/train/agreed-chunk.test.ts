import type { TrainingConfigInput } from '@qt/core'
import { expect, test } from 'vitest'
import { tinyRun } from '../../test/tiny-run.js'
import { alone } from '../parallel/team.js'
import { agreedChunk, chunkWarnings } from './agreed-chunk.js'

const prepared = (training: TrainingConfigInput['training']) => tinyRun({ training })

test('processes take the least of what each would take', async () => {
  const run = await prepared({})
  const beside = (...others: number[]) => ({ gather: async (mine: readonly number[]) => [mine, ...others.map((one) => [one])] })
  expect(await agreedChunk(run, {}, undefined, alone)).toBe(false)
  expect(await agreedChunk(run, {}, undefined, beside(4096, 1024))).toBe(1024)
  expect(await agreedChunk(run, {}, 32, beside(4096))).toBe(32)
})

test('what the configuration says counts more than what a checkpoint says', async () => {
  expect(await agreedChunk(await prepared({ feedForwardChunk: 64 }), {}, 32, alone)).toBe(64)
  expect(await agreedChunk(await prepared({ feedForwardChunk: false }), {}, 32, alone)).toBe(false)
  expect(await agreedChunk(await prepared({}), {}, 32, alone)).toBe(32)
})

test('what a checkpoint says does not stay where there is no room for it, but in the strict order', async () => {
  const without = async (training: TrainingConfigInput['training']) => {
    const run = await prepared(training)
    const planned: typeof run.planned = (change) => {
      const { options, plan } = run.planned(change)
      return {
        options,
        plan: { ...plan, total: change.feedForwardChunk === false ? Number.MAX_SAFE_INTEGER : plan.total, feedForwardChunk: 16 },
      }
    }
    return { ...run, planned }
  }
  expect(await agreedChunk(await without({}), {}, false, alone)).toBe(16)
  expect(await agreedChunk(await without({ deterministic: 'strict' }), {}, false, alone)).toBe(false)
})

test('a run that goes on with another chunk says so', () => {
  expect(chunkWarnings(undefined, 32)).toEqual([])
  expect(chunkWarnings(32, 32)).toEqual([])
  expect(chunkWarnings(false, 32)).toEqual([expect.stringContaining('32 tokens at once from now on instead of all tokens')])
})
