import { QtError, usageError } from '@qt/core'
import { expect, test } from 'vitest'
import { binding } from '../binding.js'
import { failureError, reasonOf, reasonText, tellFailure } from './job-failure.js'

const job = { size: 4 }
const heard = (error: unknown) => ({ rank: 1, why: reasonOf(error), spoke: true })

test('bad input of one process is the error of all, with the code, the place and what to do, and nobody is told to resume', () => {
  const mine = usageError('DATA_NOT_FOUND', 'There is no data at rows.jsonl.', {
    where: { file: 'rows.jsonl', line: 3 },
    actions: ['Check the path.', { label: 'Make it', command: 'make rows' }],
    cause: new Error('ENOENT'),
  })
  const theirs = failureError(heard(mine), job, new Error('another process of the job failed'))
  if (!QtError.isInstance(theirs)) throw theirs
  expect(theirs).toMatchObject({ code: mine.code, message: mine.message, kind: 'usage', where: mine.where, help: mine.help })
  expect(theirs.actions.slice(0, 2)).toEqual(mine.actions)
  expect(theirs.actions.at(-1)!.label).toContain('Rank 1 of 4')
  expect(JSON.stringify(theirs)).not.toContain('--resume')
  // Found here as well, it has nothing to do with another machine's files.
  expect(failureError(heard(mine), job, mine)).toBe(mine)
  expect(reasonText(heard(mine))).toBe('There is no data at rows.jsonl.')
})

test('bad input stays what it is however much is said of it', () => {
  const mine = usageError('DATA_INVALID', `The row is no JSON: ${'\u0001'.repeat(70_000)}`)
  expect(reasonOf(mine).length).toBeLessThan(65_536)
  const theirs = failureError(heard(mine), job, undefined)
  expect(theirs).toMatchObject({
    code: 'DATA_INVALID',
    kind: 'usage',
    message: expect.stringMatching(/^The row is no JSON: .* …$/s),
  })
})

test.each([
  [
    new QtError({ code: 'ENGINE_FAILED', message: 'The engine stopped: no memory.' }),
    'the whole job ends: The engine stopped: no memory.',
  ],
  [new Error('{"code":'), 'the whole job ends: {"code":.'],
  [new Error('{"code":1}'), 'the whole job ends: {"code":1}.'],
])('any other error of one is a process lost to the others, who may resume: %s', (error, message) => {
  const lost = failureError(heard(error), job, undefined)
  if (!QtError.isInstance(lost)) throw lost
  expect(lost).toMatchObject({ code: 'RANK_LOST', kind: 'failure', message: expect.stringContaining(message) })
  expect(JSON.stringify(lost.actions)).toContain('--resume')
})

test('where one is told to stop before the run has begun, all of them are interrupted, and none is lost', () => {
  const told = new AbortController()
  told.abort()
  expect(failureError(heard(told.signal.reason), job, undefined)).toMatchObject({ name: 'AbortError' })
})

test('a process that was killed has said nothing', () => {
  const lost = failureError({ rank: 2, why: 'has died', spoke: false }, job, undefined)
  expect(lost).toMatchObject({ code: 'RANK_LOST', message: 'Rank 2 of 4 has died, and so the whole job ends.' })
})

test('an engine that fails tells the job, whether or not the run is being stopped', async () => {
  const place = { rank: 0, size: 1, host: '127.0.0.1', port: 0 }
  const communicator = new (binding().Communicator)({
    ...place,
    kind: 'tcp',
    sharedMemory: false,
    key: new Uint8Array(32),
    patience: 5,
  })
  try {
    await communicator.open()
    tellFailure(new Error('the device has failed'), { communicator })
    expect(communicator.failure()).toMatchObject({ rank: 0, why: 'the device has failed', spoke: true })
  } finally {
    communicator.close()
  }
})
