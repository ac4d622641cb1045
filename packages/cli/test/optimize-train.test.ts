import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 60_000 })

let folder = ''
let data = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-optimize-train-'))
  data = join(folder, 'examples.jsonl')
  const example = (i: number) => ({
    category: i % 2 === 0 ? 'rain' : 'sand',
    text: (i % 2 === 0 ? 'The rain in the thin rain. ' : 'Another sand in another hand. ').repeat(2 + (i % 3)),
  })
  await writeFile(data, Array.from({ length: 20 }, (_, i) => JSON.stringify(example(i))).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const args = (...more: string[]) => [
  ...['optimize', 'train', '--base', fixture('tiny.gguf'), '--data', data, '--adapter', 'lora', '--rank', '2'],
  ...['--precision', 'float32', '--threads', '1', '--sequence-length', '32', '--batch-size', '1', '--schedule', 'constant'],
  ...['--learning-rate', '1e-2', '--time', '0.05', '--json', ...more],
]

test('trains in stages that are decided, measured beside plain ones, and kept or rolled back', async () => {
  const output = join(folder, 'run')
  const { code, stdout, stderr } = await qt(
    args('--steps', '3', '--optimization-frequency', '2', '--control', '--output', output),
  )
  expect(code, stderr).toBe(0)
  const { stages, written } = JSON.parse(stdout)
  expect(stages.map(({ steps }: { steps: number }) => steps)).toEqual([2, 1])
  for (const { before, decided, plain, kept, sampling } of stages) {
    expect(Object.keys(sampling)).toEqual(['rain', 'sand'])
    if (kept) expect(decided).toBeLessThan(Math.min(before, plain))
  }
  // The second stage goes on from what was kept of the first.
  const [first, second] = stages
  expect(second.before).toBeCloseTo(first.kept ? first.decided : (first.plain ?? first.decided), 9)
  expect((await stat(join(written, 'adapter_model.safetensors'))).size).toBeGreaterThan(1000)
  const held = (await readFile(join(output, 'stages', 'held-out.jsonl'), 'utf8')).trim().split('\n')
  const files = await readdir(join(output, 'stages'))
  const trainedOn = files.find((name) => /^stage-1-.*\.jsonl$/.test(name))
  const seen = await readFile(join(output, 'stages', trainedOn!), 'utf8')
  expect(held).toHaveLength(4)
  expect(seen.split('\n').length).toBeGreaterThan(8)
})

test('gradients of an adapter decide which modules are frozen and which ranks move, and both are applied', async () => {
  const output = join(folder, 'moved')
  const more = ['--trained-share', '0.8', '--move-ranks', '--control', '--output', output]
  const { code, stdout, stderr } = await qt(args('--steps', '2', '--optimization-frequency', '1', ...more))
  expect(code, stderr).toBe(0)
  const { stages } = JSON.parse(stdout)
  const before = new Map<string, number>()
  for (const { stage, frozen, gradientNorms, ranks, ranking, freezing } of stages) {
    const norms: [string, number][] = Object.entries(gradientNorms)
    // Two layers of seven projections each.
    expect(norms).toHaveLength(14)
    for (const [, norm] of norms) expect(norm).toBeGreaterThan(0)
    expect(frozen.length).toBeGreaterThan(0)
    expect(Object.keys(ranks).length).toBeGreaterThan(0)
    for (const name of Object.keys(ranks)) expect(frozen).not.toContain(name)
    expect([freezing.verdict, ranking.verdict]).toEqual([
      expect.stringContaining('knapsack'),
      expect.stringContaining('knapsack'),
    ])
    // The stage that was decided has these ranks, in what it wrote.
    const files = await readdir(join(output, 'stages'))
    const adapters = await Promise.all(
      files
        .filter((name) => new RegExp(`^stage-${stage}-[0-9a-f]+$`).test(name))
        .map(async (name) => JSON.parse(await readFile(join(output, 'stages', name, 'adapter', 'adapter_config.json'), 'utf8'))),
    )
    const rankOf = (config: { r: number; rank_pattern: Record<string, number> }, path: string) =>
      config.rank_pattern[path] ?? config.r
    expect(adapters.some((config) => Object.entries(ranks).every(([path, rank]) => rankOf(config, path) === rank))).toBe(true)
    for (const [path, rank] of Object.entries(ranks)) before.set(path, Number(rank))
  }
  expect(before.size).toBeGreaterThan(0)
})

test('held-out losses are of what is trained on: the validation loss of qt train', async () => {
  const answers = join(folder, 'answers.jsonl')
  const example = (i: number) => ({
    category: i % 2 === 0 ? 'rain' : 'sand',
    instruction: 'Say it again, and then again, as it was said before. '.repeat(1 + (i % 2)),
    output: i % 2 === 0 ? 'rain' : 'another sand',
    // One of the two that are held out.
    ...(i === 9 ? { weight: 9 } : {}),
  })
  await writeFile(answers, Array.from({ length: 10 }, (_, i) => JSON.stringify(example(i))).join('\n'))
  const common = ['--base', fixture('tiny.gguf'), '--adapter', 'lora', '--precision', 'float32', '--threads', '1', '--steps', '1']
  const given = [...common, '--sequence-length', '256', '--batch-size', '1']
  const output = join(folder, 'answered')
  const staged = await qt(['optimize', 'train', ...given, '--data', answers, '--time', '0.01', '--output', output, '--json'])
  expect(staged.code, staged.stderr).toBe(0)
  const held = join(output, 'stages', 'held-out.jsonl')
  const plain = join(folder, 'plain')
  const trained = await qt([
    'train',
    ...given,
    '--data',
    held,
    '--validation',
    held,
    '--learning-rate',
    '1e-12',
    '--output',
    plain,
  ])
  expect(trained.code, trained.stderr).toBe(0)
  const events = (await readFile(join(plain, 'events.jsonl'), 'utf8')).trim().split('\n')
  const { loss } = events.map((line) => JSON.parse(line)).find(({ type }) => type === 'validation')
  expect(JSON.parse(staged.stdout).stages[0].before).toBeCloseTo(loss, 3)
})

test('the first stage warms up, and an adapter to go on from has the dropout that is asked for', async () => {
  const [begun, output] = [join(folder, 'begun'), join(folder, 'gone-on')]
  const first = await qt(args('--steps', '1', '--output', begun))
  expect(first.code, first.stderr).toBe(0)
  const asked = ['--init', join(begun, 'adapter'), '--warmup-steps', '3', '--dropout', '0.25']
  const { code, stderr } = await qt(args('--steps', '2', '--optimization-frequency', '1', ...asked, '--output', output))
  expect(code, stderr).toBe(0)
  const stages = (await readdir(join(output, 'stages'))).filter((name) => /^stage-\d-[0-9a-f]+$/.test(name))
  expect(new Set(stages.map((name) => name.slice(0, 7)))).toEqual(new Set(['stage-1', 'stage-2']))
  for (const name of stages) {
    const config = await readFile(join(output, 'stages', name, 'config.yaml'), 'utf8')
    expect(config, name).toContain('dropout: 0.25')
    expect(config, name).toContain(`warmupSteps: ${name.startsWith('stage-1') ? 3 : 0}`)
  }
})

test('run again it takes finished stages as they are, and trains what was left in the middle anew', async () => {
  const output = join(folder, 'again')
  const once = () => qt(args('--steps', '2', '--optimization-frequency', '1', '--output', output))
  const first = await once()
  expect(first.code, first.stderr).toBe(0)
  const stages = join(output, 'stages')
  const marks = (await readdir(stages)).filter((name) => /^stage-.*\.json$/.test(name)).sort()
  const old = new Date(2001, 1, 1)
  for (const name of marks) await utimes(join(stages, name), old, old)
  await rm(join(stages, marks.at(-1)!))
  const again = await once()
  expect(again.code, again.stderr).toBe(0)
  expect(JSON.parse(again.stdout).written).toBe(JSON.parse(first.stdout).written)
  const times = await Promise.all(marks.map(async (name) => (await stat(join(stages, name))).mtimeMs === old.getTime()))
  expect(times).toEqual(marks.map((_, i) => i < marks.length - 1))
})

test('says what it needs', async () => {
  const code = async (...more: string[]) => JSON.parse((await qt(args(...more))).stdout).error.code
  expect(await code('--output', join(folder, 'none'))).toBe('USAGE_MISSING_FLAG')
  expect(await code('--steps', '2', '--trained-share', '2', '--output', join(folder, 'none'))).toBe('USAGE_BAD_VALUE')
  expect(await code('--steps', '2', '--group-by', 'kind', '--output', join(folder, 'none'))).toBe('DECISION_INVALID')
})
