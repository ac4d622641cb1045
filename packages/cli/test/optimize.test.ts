import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-optimize-'))
  const topics = [
    'the altar glows in the crypt',
    'roll for stealth near the guard',
    'a merchant sells rope and oil',
    'rain falls on the old tower',
  ]
  const lines = topics.flatMap((topic) => ['', ' now', ' again', ' tonight', ' at dawn'].map((end) => ({ text: topic + end })))
  await writeFile(at('examples.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  await writeFile(
    at('jobs.json'),
    JSON.stringify({
      jobs: [5, 3, 8, 2].map((seconds, i) => ({ name: `job ${i}`, seconds })),
      machines: [{ name: 'one' }, { name: 'two', speed: 2 }],
    }),
  )
  await writeFile(at('broken.json'), '{"jobs": [{"name": "a"}], "machines": []}')
  await writeFile(
    at('gradients.json'),
    JSON.stringify({ sites: ['q', 'v'].map((name, i) => ({ name, inputs: 8, outputs: 8, gains: [4 + i, 2, 1, 1] })) }),
  )
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('selects examples, writes them, and measures every way of selecting', async () => {
  const args = [
    'optimize',
    'data',
    at('examples.jsonl'),
    '--tokens',
    '25',
    '--time',
    '0.2',
    '--measure',
    '--output',
    at('out.jsonl'),
    '--json',
  ]
  const { code, stdout } = await qt(args)
  const { selected, tokens, measured, decision } = JSON.parse(stdout)
  expect(code).toBe(0)
  expect(tokens).toBeLessThanOrEqual(25)
  expect((await readFile(at('out.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(selected.length)
  expect(measured.map(({ method }: { method: string }) => method)).toEqual(
    decision.outcomes.map(({ method }: { method: string }) => method),
  )
})

test('schedules jobs and places adapters, and says how every way did', async () => {
  const schedule = await qt(['optimize', 'schedule', at('jobs.json'), '--time', '0.2'])
  expect(schedule.code).toBe(0)
  for (const way of ['greedy', 'local-search', 'qubo', 'exact']) expect(schedule.stdout).toContain(way)
  const adapters = await qt([
    'optimize',
    'adapters',
    at('gradients.json'),
    '--parameters',
    '64',
    '--ranks',
    '1,2',
    '--time',
    '0.2',
    '--json',
  ])
  expect(JSON.parse(adapters.stdout)).toMatchObject({ ranks: { q: 2, v: 2 }, parameters: 64, decision: { pairs: 0 } })
})

test('names what is wrong with measurements', async () => {
  const { code, stdout } = await qt(['optimize', 'schedule', at('broken.json'), '--json'])
  expect([code, JSON.parse(stdout).error]).toMatchObject([2, { code: 'DECISION_INVALID', where: { field: 'jobs.0.seconds' } }])
  expect((await qt(['optimize', 'data', at('examples.jsonl'), '--tokens', '-1'])).code).toBe(2)
})
