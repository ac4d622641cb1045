import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fixture, qt } from './qt.js'

// Processes on a busy machine.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 60_000 })

const tiny = fixture('tiny.gguf')
let folder = ''
let text = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-optimize-model-'))
  text = join(folder, 'text.txt')
  await writeFile(text, 'The rain in the thin another sand. '.repeat(12))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const reading = () => ['--text', text, '--row-size', '16', '--rows', '8', '--threads', '1', '--time', '0.05', '--json']

test('types under a size are measured in pairs, judged on held-out rows, and written', async () => {
  const output = join(folder, 'small.gguf')
  const limit = Math.floor(0.7 * (await stat(tiny)).size)
  const args = ['optimize', 'bits', tiny, '--max-size', String(limit), '--types', 'Q8_0,Q4_0', '--output', output]
  const { code, stdout, stderr } = await qt([...args, ...reading()])
  expect(code, stderr).toBe(0)
  const { decision, fileBytes, judged, types } = JSON.parse(stdout)
  expect((await stat(output)).size).toBe(fileBytes)
  expect(fileBytes).toBeLessThanOrEqual(limit)
  expect(decision.pairs).toBeGreaterThan(0)
  expect(new Set(Object.values(types)).size).toBeGreaterThan(1)
  const ways = judged.map(({ way }: { way: string }) => way)
  expect(ways).toEqual(['taken', 'qubo', 'greedy', 'exact without pairs', 'by errors of weights'])
  const [taken, ...others] = judged
  for (const { predicted, kl, fileBytes: bytes, takenLessThis, verdict } of others) {
    expect(taken.predicted).toBeLessThanOrEqual(predicted + 1e-9)
    expect(bytes).toBeLessThanOrEqual(limit)
    expect(takenLessThis.value).toBeCloseTo(taken.kl.value - kl.value, 9)
    expect(['better', 'worse', 'no difference shown', 'the same']).toContain(verdict)
  }
})

test('of several sizes each is decided, and the changes are measured once', async () => {
  const whole = (await stat(tiny)).size
  const sizes = [0.6, 0.8].map((share) => Math.floor(share * whole))
  const args = ['optimize', 'bits', tiny, '--types', 'Q8_0,Q4_0', ...sizes.flatMap((size) => ['--max-size', String(size)])]
  const { code, stdout, stderr } = await qt([...args, ...reading()])
  expect(code, stderr).toBe(0)
  const found = JSON.parse(stdout).sizes
  expect(found.map(({ maxSize }: { maxSize: number }) => maxSize)).toEqual(sizes)
  for (const { maxSize, fileBytes, judged } of found) {
    expect(fileBytes).toBeLessThanOrEqual(maxSize)
    expect(judged).toHaveLength(5)
  }
  expect(found[0].fileBytes).toBeLessThan(found[1].fileBytes)
  // The same measurements.
  expect(found[0].decision.pairs).toBe(found[1].decision.pairs)
})

test('without a text the plan is by errors of weights, and exact', async () => {
  const limit = Math.floor(0.7 * (await stat(tiny)).size)
  const args = ['optimize', 'bits', tiny, '--max-size', String(limit), '--time', '0.05', '--json']
  const { decision, fileBytes } = JSON.parse((await qt(args)).stdout)
  expect(fileBytes).toBeLessThanOrEqual(limit)
  expect([decision.pairs, decision.verdict]).toEqual([0, expect.stringContaining('knapsack')])
})

test('layers to leave out are measured one by one and two at a time', async () => {
  const { code, stdout, stderr } = await qt(['optimize', 'layers', tiny, '--drop-layers', '1', ...reading()])
  expect(code, stderr).toBe(0)
  const { judged, layers, measured } = JSON.parse(stdout)
  expect(layers).toEqual([measured.single.indexOf(Math.min(...measured.single))])
  for (const { kl } of judged) expect(kl.value).toBeGreaterThan(0)
})

test('heads to leave out are silenced one by one, taken out, judged and written', async () => {
  const output = join(folder, 'fewer-heads.gguf')
  const { code, stdout, stderr } = await qt(['optimize', 'heads', tiny, '--drop-heads', '1', '--output', output, ...reading()])
  expect(code, stderr).toBe(0)
  const { decision, judged, keep } = JSON.parse(stdout)
  expect(keep.map((heads: number[]) => heads.length)).toEqual([1, 1])
  // Of two layers with two heads everything is tried, and a pair depends on each other.
  expect([decision.groups, decision.options, decision.pairs]).toEqual([2, 4, 4])
  expect(judged.map(({ way }: { way: string }) => way)).toEqual([
    'taken',
    'qubo',
    'greedy',
    'least missed one by one',
    'what adds least',
  ])
  for (const { kl, fileBytes } of judged) {
    expect(kl.value).toBeGreaterThan(0)
    expect(fileBytes).toBe((await stat(output)).size)
  }
  expect((await stat(output)).size).toBeLessThan((await stat(tiny)).size)
})

test.each([
  [['bits', 'TINY', '--max-size', '100KB', '--text', 'SHORT'], 'EVAL_TEXT_TOO_SHORT'],
  [['bits', 'TINY', '--max-size', '1KB'], 'QUANT_SIZE'],
  [['bits', 'TINY', '--max-size', '1MB', '--types', 'Q8_0,Q99'], 'USAGE_BAD_VALUE'],
  [['layers', 'TINY', '--drop-layers', '1'], 'USAGE_MISSING_FLAG'],
  [['layers', 'TINY', '--drop-layers', '99', '--text', 'SHORT'], 'PRUNE_COUNT'],
  [['heads', 'TINY', '--drop-heads', '1'], 'USAGE_MISSING_FLAG'],
  [['heads', 'TINY', '--drop-heads', '2', '--text', 'SHORT'], 'PRUNE_COUNT'],
])('refuses %j', async (flags, code) => {
  await writeFile(join(folder, 'short.txt'), 'The rain')
  const args = flags.map((flag) => (flag === 'TINY' ? tiny : flag === 'SHORT' ? join(folder, 'short.txt') : flag))
  const { code: exit, stdout } = await qt(['optimize', ...args, '--json'])
  expect([exit, JSON.parse(stdout).error.code]).toEqual([2, code])
})

test('a solver that is none, and an output that is what is read, are refused before anything is measured', async () => {
  for (const verb of [
    ['layers', tiny, '--drop-layers', '1'],
    ['heads', tiny, '--drop-heads', '1'],
    ['bits', tiny, '--max-size', '1MB'],
  ])
    for (const [more, what] of [
      [['--solver', 'oracle'], '--solver is "oracle"'],
      [['--output', tiny], 'what is read'],
    ] as const) {
      const { code, stderr } = await qt(['optimize', ...verb, '--text', join(folder, 'nowhere.txt'), ...more])
      expect([code, stderr], verb[0]).toEqual([2, expect.stringContaining(what)])
    }
})

test('adapters are placed by measured gradients, judged by training, and written for qt train', async () => {
  const data = join(folder, 'rows.jsonl')
  const lines = Array.from({ length: 20 }, (_, i) => JSON.stringify({ text: `The rain in the thin another sand ${i}.` }))
  await writeFile(data, lines.join('\n'))
  const output = join(folder, 'new', 'adapter.json')
  const training = ['--sequence-length', '32', '--learning-rate', '0.03', '--seed', '0', '--threads', '1']
  const args = ['optimize', 'adapters', '--base', tiny, '--data', data, '--time', '0.05', ...training]
  const flags = ['--parameters', '1500', '--ranks', '1,2,4', '--steps', '4', '--output', output, '--json']
  const { code, stdout, stderr } = await qt([...args, ...flags])
  expect(code, stderr).toBe(0)
  const { ranks, parameters, measured, judged } = JSON.parse(stdout)
  expect(parameters).toBeLessThanOrEqual(1500)
  expect(measured.every(({ gains }: { gains: number[] }) => gains.length === 4 && gains[0]! > 0)).toBe(true)
  expect(judged.map(({ way }: { way: string }) => way)).toEqual(['taken', 'qubo', 'greedy', 'one rank for all'])
  const [taken, , , equal] = judged
  for (const { loss, parameters: used, takenLessThis } of judged) {
    expect(loss.low).toBeLessThan(loss.high)
    expect(used).toBeLessThanOrEqual(1500)
    if (takenLessThis) expect(takenLessThis.value).toBeCloseTo(taken.loss.value - loss.value, 9)
  }
  // Each is trained with its own ranks: at this learning rate other placements are other models.
  expect(equal.parameters).toBeLessThan(taken.parameters)
  expect(Math.abs(taken.loss.value - equal.loss.value)).toBeGreaterThan(0.01)
  expect(equal.verdict).toBe(taken.loss.value < equal.loss.value ? 'better' : 'worse')
  const trained = await qt(['train', '--config', output, '--steps', '1', '--output', join(folder, 'trained'), '--json'])
  expect(trained.code, trained.stderr).toBe(0)
  const { adapter, ...rest } = JSON.parse(await readFile(output, 'utf8'))
  expect(rest).toEqual({
    ...{ base: tiny, data: { path: data }, threads: 1 },
    training: { sequenceLength: 32, learningRate: 0.03, seed: 0 },
  })
  expect(Object.entries(adapter.rankPattern).filter(([path]) => !adapter.frozen?.includes(path))).toEqual(Object.entries(ranks))
})

test('adapters are placed for shards of tokens, which have their own held-out part', async () => {
  const [data, shards] = [join(folder, 'many.jsonl'), join(folder, 'shards')]
  const lines = Array.from({ length: 20 }, (_, i) => JSON.stringify({ text: `The rain in the thin another sand ${i}.` }))
  await writeFile(data, lines.join('\n'))
  const prepare = [
    'data',
    'prepare',
    data,
    '--tokenizer',
    tiny,
    '--sequence-length',
    '32',
    '--validation',
    '0.4',
    '--out',
    shards,
  ]
  expect((await qt([...prepare, '--json'])).code).toBe(0)
  const args = ['optimize', 'adapters', '--base', tiny, '--data', shards, '--sequence-length', '32', '--threads', '1']
  const { code, stdout, stderr } = await qt([...args, '--parameters', '1500', '--time', '0.05', '--steps', '1', '--json'])
  expect(code, stderr).toBe(0)
  const { validation } = JSON.parse(await readFile(join(shards, 'shards.json'), 'utf8')).parts
  expect(validation.rows).toBeGreaterThan(1)
  for (const { loss } of JSON.parse(stdout).judged) expect(loss.items).toBeGreaterThanOrEqual(validation.rows)
})

test('placing adapters is refused before anything is measured where its file would be wrong', async () => {
  const [data, file, link] = [join(folder, 'data'), join(folder, 'gains.json'), join(folder, 'link.gguf')]
  await mkdir(data)
  await writeFile(join(data, 'rows.jsonl'), '{"text": "The rain"}\n')
  await writeFile(file, JSON.stringify({ sites: [{ name: 'q', inputs: 8, outputs: 8, gains: [1] }] }))
  await symlink(tiny, link)
  const measured = ['--base', tiny, '--data', data]
  for (const [args, wanted] of [
    [['--base', tiny], 'USAGE_MISSING_FLAG'],
    [[file, '--threads', '1'], 'USAGE_MISSING_FLAG'],
    [[file, '--sequence-length', '8'], 'USAGE_MISSING_FLAG'],
    [[file, '--learning-rate', '1'], 'USAGE_MISSING_FLAG'],
    [[file, '--output', join(folder, 'sites.json')], 'USAGE_BAD_VALUE'],
    [[...measured, '--output', link], 'OUTPUT_IS_INPUT'],
    [[...measured, '--output', join(data, 'new', 'adapter.json')], 'OUTPUT_IS_INPUT'],
    [[...measured, '--output', folder], 'FOLDER_UNUSABLE'],
    [[...measured, '--threads', '0'], 'CONFIG_INVALID'],
    [[...measured, '--learning-rate', '0'], 'CONFIG_INVALID'],
  ] as const) {
    const { code, stdout, stderr } = await qt(['optimize', 'adapters', ...args, '--parameters', '64', '--json'])
    expect([args, code, JSON.parse(stdout).error.code]).toEqual([args, 2, wanted])
    if (wanted !== 'CONFIG_INVALID') expect(stderr).not.toContain('gradients')
  }
  expect(await readdir(data)).toEqual(['rows.jsonl'])
})
