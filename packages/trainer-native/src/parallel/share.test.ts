import { expect, test } from 'vitest'
import { microBatchesOf, requireAlike, shareWarnings } from './share.js'

const config = (gradAccumulation: number) => ({ training: { gradAccumulation, batchSize: 2 } })

test('a new run has the micro-batches of all processes in a step', () => {
  expect(microBatchesOf(config(3), 4, undefined)).toBe(12)
})

test('a run that goes on as it was configured keeps its steps in any number of processes', () => {
  const state = { gradAccumulation: 3, microBatches: 12 }
  expect([1, 5, 40].map((processes) => microBatchesOf(config(3), processes, state))).toEqual([12, 12, 12])
  // Configured anew, it is asked for that; whether it fits the run is told by the fingerprint.
  expect(microBatchesOf(config(12), 1, state)).toBe(12)
  expect(microBatchesOf(config(6), 1, state)).toBe(6)
  // Checkpoints of one process, before there were several.
  expect(microBatchesOf(config(4), 1, {})).toBe(4)
})

test('steps that do not fit the processes are told', () => {
  expect(shareWarnings({ microBatches: 4 }, { size: 2, tensorParallel: 1 }, config(2))).toEqual([])
  expect(shareWarnings({ microBatches: 4 }, { size: 3, tensorParallel: 1 }, config(2))).toEqual([
    expect.stringContaining('keeps the 8 rows'),
  ])
  expect(shareWarnings({ microBatches: 2 }, { size: 3, tensorParallel: 1 }, config(2))).toEqual([
    expect.stringContaining('keeps the 4 rows'),
    '1 of 3 processes has nothing to do: a step has 2 micro-batches.',
  ])
  expect(shareWarnings({ microBatches: 4 }, { size: 2, tensorParallel: 2 }, config(2))).toEqual([
    'A step keeps the 8 rows that the run began with, in 4 micro-batches for 1 group of processes.',
  ])
})

test('processes that would train something else are refused by rank', () => {
  expect(() => requireAlike(['a', 'a'])).not.toThrow()
  expect(() => requireAlike(['a', 'a', 'b'])).toThrow(
    expect.objectContaining({ code: 'JOB_DIFFERS', message: expect.stringContaining('Rank 2') }),
  )
})
