import { expect, test } from 'vitest'
import type { Outcome } from './carry-out.js'
import { differenceOf } from './compare.js'
import type { Comparison } from './draw-ways.js'
import type { Job } from './job.js'

const job: Job = {
  rows: { seed: 1, count: 1, shortest: 1, longest: 1, labels: 'all', kind: 'tokens' },
  config: { training: { batchSize: 1, gradAccumulation: 2, sequenceLength: 8, precision: 'float32', epsilon: 1e-4 } },
  comparisons: [],
}

const trained = (loss: number, weight = 1): Outcome => ({
  how: 'trained',
  result: {
    steps: [{ step: 1, tokens: 3, loss, gradNorm: 1 }],
    validations: [],
    tensors: new Map([['made: w', Float32Array.of(weight)]]),
    files: new Map([['events', String(loss)]]),
  },
})

const refused = (code: string, field: string): Outcome => ({
  how: 'refused',
  begun: false,
  problem: { code, kind: 'usage', field, message: 'No.', actions: 1, stopped: false },
})

const found = (alike: Comparison['alike'], ...outcomes: [Outcome, Outcome]) =>
  differenceOf(job, { ways: [{}, { processes: 2, training: { tensorParallel: 2 } }], alike }, outcomes)?.kind

test('what is the same, or nearly, is no difference, and what is not is one', () => {
  expect(found('everything', trained(2), trained(2))).toBeUndefined()
  expect(found('rounding', trained(2), trained(2 + 1e-6))).toBeUndefined()
  expect(found('numbers', trained(2), trained(2 + 1e-6))).toBe('steps loss')
  expect(found('everything', trained(2), trained(2 + 1e-6))).toBe('bytes')
  expect(found('rounding', trained(2), trained(2.001))).toBe('steps loss')
  expect(found('rounding', trained(2), trained(2, 1.1))).toBe('weights')
})

test('a job is refused alike in all ways, but for what groups of processes do not do', () => {
  expect(found('rounding', refused('A', 'data'), refused('A', 'data'))).toBeUndefined()
  expect(found('rounding', refused('A', 'data'), refused('B', 'data'))).toBe('refused differently')
  expect(found('rounding', trained(2), refused('A', 'data'))).toBe('refused A')
  expect(found('rounding', trained(2), refused('A', 'training.tensorParallel'))).toBeUndefined()
})

test('what breaks is never alike', () => {
  const broken: Outcome = { how: 'broken', why: 'a process died' }
  expect(found('everything', broken, broken)).toBe('broken a process died')
})
