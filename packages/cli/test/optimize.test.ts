import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 120_000 })

const examples = fileURLToPath(new URL('../../../examples/select-data/examples.jsonl', import.meta.url))
let folder = ''
const at = (name: string) => join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-cli-optimize-'))
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
    examples,
    '--tokens',
    '300',
    '--time',
    '0.2',
    '--measure',
    '--output',
    at('new/out.jsonl'),
    '--json',
  ]
  const { code, stdout } = await qt(args)
  const { selected, tokens, measured, decision } = JSON.parse(stdout)
  expect(code).toBe(0)
  expect(tokens).toBeLessThanOrEqual(300)
  expect(selected.length).toBeGreaterThan(5)
  // What is selected is what is written, and nothing of it is held out.
  const lines = (await readFile(examples, 'utf8')).trim().split('\n')
  const written = (await readFile(at('new/out.jsonl'), 'utf8')).trim().split('\n')
  expect(written.map((line) => JSON.parse(line))).toEqual(selected.map((place: number) => JSON.parse(lines[place]!)))
  expect(selected.filter((place: number) => place % 5 === 4)).toEqual([])
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
  expect((await qt(['optimize', 'data', examples, '--tokens', '-1'])).code).toBe(2)
  await writeFile(at('own.jsonl'), '{"text": "the altar glows"}\n')
  const over = await qt(['optimize', 'data', at('own.jsonl'), '--tokens', '9', '--output', at('own.jsonl'), '--json'])
  expect([over.code, JSON.parse(over.stdout).error.code]).toEqual([2, 'OUTPUT_IS_INPUT'])
  await writeFile(at('empty.jsonl'), '')
  const empty = await qt(['optimize', 'data', at('empty.jsonl'), '--tokens', '9', '--json'])
  expect([empty.code, JSON.parse(empty.stdout).error.code]).toEqual([2, 'DATA_NOT_FOUND'])
})
