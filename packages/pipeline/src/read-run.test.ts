import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RunEvent } from '@qt/core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { listRuns, readRun } from './index.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-runs-'))
})
afterEach(() => rm(folder, { recursive: true }))

const at = (second: number) => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`
const start = (second = 0): RunEvent => ({ type: 'start', time: at(second), config: {}, plan: [], versions: {} })
const step = (n: number, loss: number): RunEvent => ({
  type: 'step',
  time: at(n),
  step: n,
  epoch: 0.1 * n,
  loss,
  gradNorm: 1,
  learningRate: 1e-4,
  tokens: 100 * n,
  tokensPerSecond: 50,
  memory: 1000,
})
const validation = (n: number, loss: number): RunEvent => ({
  type: 'validation',
  time: at(n),
  step: n,
  loss,
  perplexity: Math.exp(loss),
  tokenAccuracy: 0.5,
})
const end = (why: 'completed' | 'early-stopping' | 'anomaly'): RunEvent => ({
  type: 'end',
  time: at(9),
  why,
  steps: 2,
  tokens: 200,
  seconds: 9,
  loss: 2,
})
const paused: RunEvent = { type: 'paused', time: at(3), step: 2, checkpoint: 'checkpoints/2' }

async function make(name: string, events: readonly RunEvent[], raw = ''): Promise<string> {
  const path = join(folder, name)
  await mkdir(path, { recursive: true })
  await writeFile(join(path, 'config.yaml'), 'base: m.gguf\ndata: { path: rows.jsonl }\ntraining: { steps: 4 }\n')
  await writeFile(join(path, 'events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join('') + raw)
  return path
}

test('a finished run has its last loss, its steps, tokens and settings', async () => {
  const run = await readRun(await make('a', [start(), step(1, 3), step(2, 2), end('completed')]))
  expect(run).toMatchObject({
    name: 'a',
    status: 'completed',
    step: 2,
    steps: 4,
    loss: 2,
    tokens: 200,
    started: at(0),
    problems: [],
  })
  expect(run.config?.training.learningRate).toBe(2e-4)
})

test.each([
  ['early-stopping', 'completed'],
  ['anomaly', 'failed'],
] as const)('an end by %s means %s', async (why, status) => {
  expect((await readRun(await make('a', [start(), end(why)]))).status).toBe(status)
})

test('a paused run is paused until it goes on', async () => {
  expect(await readRun(await make('a', [start(), step(2, 2), paused]))).toMatchObject({
    status: 'paused',
    checkpoint: 'checkpoints/2',
  })
  expect((await readRun(await make('b', [start(), step(2, 2), paused, start(4), step(3, 1)]))).status).toBe('running')
})

test('the latest and the best validation are both kept', async () => {
  const run = await readRun(await make('a', [start(), validation(1, 2), validation(2, 1.5), validation(3, 1.7)]))
  expect(run.validation).toMatchObject({ step: 3, loss: 1.7 })
  expect(run.best).toEqual({ step: 2, loss: 1.5 })
})

test('a torn last line is passed over', async () => {
  const run = await readRun(await make('a', [start(), step(1, 3)], '{"type":"step","time":"2026-01-0'))
  expect(run).toMatchObject({ step: 1, loss: 3, status: 'running', problems: [] })
})

test('an unknown event type is passed over in silence, damage in the middle is named', async () => {
  const raw = `{"type":"quantum","time":"${at(2)}"}\n\u0000\u0000garbage\n${JSON.stringify(step(2, 2))}\n`
  const run = await readRun(await make('a', [start(), step(1, 3)], raw))
  expect(run).toMatchObject({ step: 2, loss: 2, problems: ['events.jsonl:4 is not JSON and was passed over.'] })
})

test('a log without an end that nobody writes to is an interrupted run', async () => {
  const path = await make('a', [start(), step(1, 3)])
  await utimes(join(path, 'events.jsonl'), new Date(0), new Date(0))
  expect((await readRun(path)).status).toBe('interrupted')
})

test('an invalid configuration is a problem of the run, not an error', async () => {
  const path = await make('a', [start()])
  await writeFile(join(path, 'config.yaml'), 'base: m.gguf\nlearning_rat: 1\ndata: { path: x }\n')
  const run = await readRun(path)
  expect(run.config).toBeUndefined()
  expect(run.problems.join()).toContain('config.yaml:2')
})

test('a folder that is no run is an error that says what a run is', async () => {
  await expect(readRun(folder)).rejects.toMatchObject({ code: 'RUN_MISSING', kind: 'usage' })
})

test('lists the runs of a folder, newest first, and nothing else', async () => {
  await make('old', [start(1)])
  await make('new', [start(2)])
  await mkdir(join(folder, 'notes'))
  await writeFile(join(folder, 'readme.txt'), '')
  expect((await listRuns(folder)).map(({ name }) => name)).toEqual(['new', 'old'])
  expect(await listRuns(join(folder, 'nowhere'))).toEqual([])
})
