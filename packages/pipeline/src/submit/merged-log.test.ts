import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { mergedLog } from './merged-log.js'

let run: string
beforeEach(async () => {
  run = await mkdtemp(join(tmpdir(), 'qt-log-'))
  await mkdir(join(run, 'logs'))
})
afterEach(() => rm(run, { recursive: true }))

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`
const write = (name: string, text: string) => writeFile(join(run, 'logs', name), text)
const said = async (read: ReturnType<typeof mergedLog>) => (await read()).map(({ source, text }) => `${source}: ${text}`)

test('the lines of all processes are one log by time, and what has no time stays behind its line', async () => {
  await write('rank-0.log', `${at(1)}  one\n${at(4)}  four\n`)
  await write('rank-10.log', `${at(2)}  two\nSegmentation fault\n${at(5)}  five\n`)
  await write('job.log', `first of all\n${at(3)}  three\n`)
  await write('other.txt', 'not a log\n')
  expect(await said(mergedLog(run))).toEqual([
    'job: first of all',
    'rank 0: one',
    'rank 10: two',
    'rank 10: Segmentation fault',
    'job: three',
    'rank 0: four',
    'rank 10: five',
  ])
})

test('lines of the same moment are in the order of ranks', async () => {
  for (const rank of [10, 2, 1]) await write(`rank-${rank}.log`, `${at(1)}  here\n`)
  expect(await said(mergedLog(run))).toEqual(['rank 1: here', 'rank 2: here', 'rank 10: here'])
})

test('each reading brings whole lines that are new, also of processes that began later', async () => {
  const read = mergedLog(run)
  expect(await read()).toEqual([])
  await write('rank-0.log', `${at(1)}  one\n${at(2)}  tw`)
  expect(await said(read)).toEqual(['rank 0: one'])
  // The torn character of two bytes is whole in the next reading.
  const rest = Buffer.from('o ü\n')
  await appendFile(join(run, 'logs/rank-0.log'), rest.subarray(0, 3))
  expect(await said(read)).toEqual([])
  await appendFile(join(run, 'logs/rank-0.log'), rest.subarray(3))
  await write('rank-1.log', `${at(3)}  three\n`)
  expect(await said(read)).toEqual(['rank 0: two ü', 'rank 1: three'])
  expect(await read()).toEqual([])
})

test('a run that was never started has an empty log', async () => {
  expect(await mergedLog(join(run, 'nowhere'))()).toEqual([])
})
