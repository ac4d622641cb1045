import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEvent } from '@qt/core'
import { readSafetensors } from '@qt/weights'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { byVariables, mpirunHere, type StartedProcess, underMpirun, until } from './job.js'
import { fixture, type Outcome, qt } from './qt.js'

/*
 * Processes that share each block: the numbers of one process, to rounding, whatever is trained, and however many of them go on.
 */

let folder = ''
let rows = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-tensor-'))
  rows = join(folder, 'rows.jsonl')
  const row = (i: number) => JSON.stringify({ input_ids: Array.from({ length: 32 }, (_, j) => 3 + ((i * 7 + j * 5) % 100)) })
  await writeFile(rows, Array.from({ length: 29 }, (_, i) => row(i)).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const mpi = mpirunHere()
const engineFixture = (...names: string[]) =>
  fileURLToPath(new URL(['../../trainer-native/test/fixtures', ...names].join('/'), import.meta.url))

type Settings = Readonly<Record<string, string>>
/** A shuffled order, clipping, validation, steps that end within an epoch: 24 rows, 12 in a step of 6 micro-batches. */
const usual: Settings = {
  base: fixture('tiny.gguf'),
  'sequence-length': '32',
  'batch-size': '2',
  precision: 'float32',
  threads: '1',
  validation: '0.17',
  'learning-rate': '2e-3',
  epsilon: '1e-5',
  'save-every': '5',
  'validate-every': '4',
  steps: '9',
  shuffle: 'true',
}
const adapter: Settings = { adapter: 'lora', rank: '4', dropout: '0.1' }
/** A new model, of which four processes can have a key head each. */
const whole: Settings = {
  base: '',
  tokenizer: fixture('tiny.gguf'),
  layers: '2',
  'd-model': '32',
  heads: '8',
  'kv-heads': '4',
  ffn: '64',
  'average-decay': '0.9',
}

const trained = (output: string, gradAccumulation: number, more: Settings): string[] => {
  const flags = { data: rows, output, ...usual, 'grad-accumulation': String(gradAccumulation), ...more }
  return [
    'train',
    ...Object.entries(flags).flatMap(([name, value]) =>
      name === 'shuffle' ? [`--${name}`] : value === '' ? [] : [`--${name}`, value],
    ),
  ]
}

async function run(size: number, args: readonly string[], by: 'mpirun' | 'variables' = 'variables'): Promise<Outcome> {
  const outcomes =
    size === 1
      ? [await qt(args)]
      : by === 'mpirun'
        ? [await underMpirun(size, args).ended]
        : await Promise.all((await byVariables(size, args)).map(({ ended }) => ended))
  for (const { code, stderr } of outcomes) expect(code, stderr).toBe(0)
  return outcomes[0]!
}

/** Losses, norms and counts of steps, and of validations. */
async function numbers(output: string) {
  const text = await readFile(join(output, 'events.jsonl'), 'utf8')
  return text.split('\n').flatMap((line) => {
    const event = parseEvent(line)
    if (event?.type === 'step') return [{ step: event.step, tokens: event.tokens, numbers: [event.loss, event.gradNorm] }]
    if (event?.type === 'validation') return [{ step: event.step, tokens: 0, numbers: [event.loss, event.tokenAccuracy] }]
    return []
  })
}

/** Arrays of a file, or of the files of several processes: where each wrote a piece, those one after the other. */
async function arraysIn(folder: string, kind: string): Promise<Map<string, Float32Array>> {
  const pieces = new Map<string, Uint8Array[]>()
  for (const file of (await readdir(folder)).filter((name) => name.startsWith(kind)).sort()) {
    const { tensors, read } = await readSafetensors(join(folder, file))
    for (const name of tensors.keys()) pieces.set(name, [...(pieces.get(name) ?? []), new Uint8Array(await read(name))])
  }
  return new Map(
    [...pieces]
      .sort(([x], [y]) => (x < y ? -1 : 1))
      .map(([name, all]) => [name, new Float32Array(new Uint8Array(Buffer.concat(all)).buffer)]),
  )
}

/** |a − b| relative to |b|. */
function difference(a: Float32Array, b: Float32Array): number {
  let [error, size] = [0, 0]
  for (const [i, value] of b.entries()) {
    error += ((a[i] ?? Number.NaN) - value) ** 2
    size += value ** 2
  }
  return Math.sqrt(error / Math.max(size, Number.MIN_VALUE))
}

/** That a run has the numbers of another: its events, its newest checkpoint, and what it was for. */
async function requireAlike(output: string, alone: string, tolerance: number): Promise<void> {
  const [found, expected] = [await numbers(output), await numbers(alone)]
  expect(found.map(({ step, tokens }) => [step, tokens])).toEqual(expected.map(({ step, tokens }) => [step, tokens]))
  for (const [i, { numbers }] of found.entries())
    for (const [j, value] of numbers.entries())
      expect(Math.abs(value - expected[i]!.numbers[j]!), `event ${i}`).toBeLessThan(tolerance * Math.max(1, value))
  const newest = (await readdir(join(alone, 'checkpoints'))).sort().at(-1)!
  const made = (await readdir(alone)).includes('adapter') ? ['adapter', 'adapter_model'] : ['model', 'model.']
  for (const [folder, kind] of [
    [join('checkpoints', newest), 'parameters'],
    [join('checkpoints', newest), 'optimizer'],
    made,
  ] as const) {
    const [ours, theirs] = [await arraysIn(join(output, folder!), kind!), await arraysIn(join(alone, folder!), kind!)]
    expect([...ours].map(([name, { length }]) => [name, length])).toEqual([...theirs].map(([name, { length }]) => [name, length]))
    for (const [name, values] of theirs)
      expect(difference(ours.get(name)!, values), `${folder} ${kind}: ${name}`).toBeLessThan(100 * tolerance)
  }
}

const tensor = (size: number): Settings => ({ 'tensor-parallel': String(size) })

test.runIf(mpi)('two processes under mpirun that share each block have the losses of one', async () => {
  const [one, two] = [join(folder, 'one'), join(folder, 'two')]
  await run(1, trained(one, 6, adapter))
  const { stdout } = await run(2, trained(two, 6, { ...adapter, ...tensor(2) }), 'mpirun')
  expect(stdout.match(/Trained 9 steps/g)).toHaveLength(1)
  await requireAlike(two, one, 5e-6)
})

const tokens = {
  data: engineFixture('lora', 'rows.jsonl'),
  format: 'tokens',
  base: engineFixture('tiny-untied'),
  'sequence-length': '64',
}
test.each([
  [
    'LoRA',
    adapter,
    [
      [2, 2],
      [4, 2],
    ],
  ],
  [
    'DoRA',
    { ...adapter, adapter: 'dora' },
    [
      [2, 2],
      [4, 2],
    ],
  ],
  [
    'PiSSA',
    { ...adapter, adapter: 'pissa', dropout: '0' },
    [
      [2, 2],
      [4, 2],
    ],
  ],
  [
    'LoRA, repeated and in chunks',
    { ...adapter, checkpointing: 'true', 'feed-forward-chunk': '20', 'average-decay': '0.9' },
    [[2, 2]],
  ],
  [
    'embedding and output beside LoRA',
    { ...tokens, ...adapter, 'modules-to-save': 'embed_tokens,lm_head', frozen: 'q_proj' },
    [[4, 2]],
  ],
  [
    'DPO',
    { ...tokens, ...adapter, data: engineFixture('dpo', 'pairs.jsonl'), format: 'preference', objective: 'dpo', validation: '0' },
    [[4, 2]],
  ],
  ['a whole model that is there', { optimizer: 'sgd' }, [[2, 2]]],
  [
    'a new model with a moving average',
    whole,
    [
      [4, 4],
      [4, 2],
    ],
  ],
] as const)('groups of processes have the numbers of one: %s', async (name, settings, jobs) => {
  const alone = join(folder, `${name}-alone`)
  const micro = name === 'DPO' ? 2 : 6
  await run(1, trained(alone, micro, settings))
  for (const [size, group] of jobs) {
    const output = join(folder, `${name}-${size}-${group}`)
    await run(size, trained(output, (micro * group) / size, { ...settings, ...tensor(group) }))
    await requireAlike(output, alone, 5e-6)
  }
})

test('an adapter on a base that is quantised, in its file or as it is opened, or decoded', async () => {
  const made = join(folder, 'wide')
  await run(1, trained(made, 6, { ...whole, 'd-model': '128', ffn: '256', steps: '2' }))
  const packed = join(folder, 'wide.gguf')
  await run(1, ['quantize', join(made, 'model'), packed, '--type', 'Q8_0'])
  // Key heads of 16 inputs.
  const halves = join(folder, 'halves')
  await run(1, trained(halves, 6, { ...whole, 'd-model': '32', heads: '2', 'kv-heads': '2', ffn: '64', steps: '2' }))
  const narrow = join(folder, 'halves.gguf')
  await run(1, ['quantize', join(halves, 'model'), narrow, '--type', 'Q8_0'])
  for (const [name, settings] of Object.entries({
    nf4: { base: join(made, 'model'), quantization: 'nf4' },
    packed: { base: packed },
    decoded: { base: packed, 'base-storage': 'float32' },
    // A process's part of attn_output has half a block.
    'decoded where it is cut': { base: narrow },
  })) {
    const [alone, shared] = [join(folder, `${name}-alone`), join(folder, `${name}-shared`)]
    await run(1, trained(alone, 6, { ...adapter, ...settings }))
    await run(2, trained(shared, 6, { ...adapter, ...settings, ...tensor(2) }))
    await requireAlike(shared, alone, 5e-6)
  }
})

test('a base of which groups share out their part, too, gives the same bytes', async () => {
  // More blocks than are there at a time, and in every third step (26 rows) one micro-batch, to which the other group attends.
  const made = join(folder, 'deep')
  await run(1, trained(made, 6, { ...whole, layers: '5', steps: '2' }))
  const settings = { ...adapter, base: join(made, 'model'), 'batch-size': '6', ...tensor(2) }
  const [usual, shared] = [join(folder, 'usual-base'), join(folder, 'shared-base')]
  await run(4, trained(usual, 1, settings))
  await run(4, trained(shared, 1, { ...settings, 'shard-base': 'true' }))
  const result = (output: string) => readFile(join(output, 'adapter', 'adapter_model.safetensors'))
  expect(await result(shared)).toEqual(await result(usual))
  expect(await numbers(shared)).toEqual(await numbers(usual))
})

const stepsIn = async (output: string) => (await numbers(output)).length

/** Until it has gone on for some steps; then it pauses. */
async function begun(size: number, output: string, args: readonly string[], more: number): Promise<void> {
  const before = await stepsIn(output).catch(() => 0)
  const job: StartedProcess[] = await byVariables(size, args)
  await until(async () => (await stepsIn(output)) > before + more)
  process.kill(job.at(-1)!.pid()!, 'SIGINT')
  for (const { code, stderr } of await Promise.all(job.map(({ ended }) => ended))) expect(code, stderr).toBe(130)
}

test('a run goes on in 2, 1 and 4 processes, in groups and alone', async () => {
  const [unmoved, moved] = [join(folder, 'unmoved'), join(folder, 'moved')]
  const settings = { ...adapter, steps: '300', 'save-every': '100', 'validate-every': '100', 'learning-rate': '1e-4' }
  const args = (more: Settings) => trained(moved, 2, { ...settings, ...more })
  await run(1, trained(unmoved, 2, settings))
  await begun(2, moved, args(tensor(2)), 30)
  await begun(1, moved, [...args({}), '--resume'], 30)
  await begun(2, moved, [...args({}), '--resume'], 30)
  await run(4, [...args(tensor(2)), '--resume'])
  await requireAlike(moved, unmoved, 2e-5)
})

test('a checkpoint is written by all, and has the bytes that the first writes where the others do not see its folder', async () => {
  const [together, apart] = [join(folder, 'together'), join(folder, 'apart')]
  const args = (output: string) => trained(output, 3, { ...whole, ...tensor(2) })
  await run(4, args(together))
  const elsewhere = (rank: number, given: readonly string[]) =>
    given.map((arg) => (arg === apart && rank > 0 ? `${arg}-${rank}` : arg))
  const job = await byVariables(4, args(apart), { change: elsewhere })
  for (const { code, stderr } of await Promise.all(job.map(({ ended }) => ended))) expect(code, stderr).toBe(0)
  const [shards, one] = [together, apart].map((output) => join(output, 'checkpoints', 'step-000009'))
  for (const kind of ['parameters', 'optimizer']) {
    const files = (await readdir(shards!)).filter((name) => name.startsWith(kind))
    expect(files).toEqual([1, 2, 3, 4].map((rank) => `${kind}-0000${rank}-of-00004.safetensors`).sort())
    for (const file of files) expect((await readSafetensors(join(shards!, file))).tensors.size).toBeGreaterThan(2)
    expect(await readdir(one!)).toContain(`${kind}.safetensors`)
    expect(await arraysIn(shards!, kind)).toEqual(await arraysIn(one!, kind))
  }
})

test('moments in 8 bits go on in a group, in one process and in another group', async () => {
  // Of the feed-forward runs of 256 stay whole, and of attn_output they do not.
  const settings = { ...whole, 'd-model': '64', ffn: '512', optimizer: 'adamw8bit', steps: '200', 'average-decay': '' }
  const [alone, moved] = [join(folder, 'eight-alone'), join(folder, 'eight-moved')]
  await run(1, trained(alone, 6, settings))
  const args = (output: string, more: Settings) => trained(output, 6, { ...settings, 'save-every': '20', ...more })
  await begun(2, moved, args(moved, tensor(2)), 20)
  const newest = async (output: string) =>
    join(output, 'checkpoints', (await readdir(join(output, 'checkpoints'))).sort().at(-1)!)
  const dtypes = async (path: string) => {
    const found: Record<string, string> = {}
    for (const file of (await readdir(path)).filter((name) => name.startsWith('optimizer')))
      for (const [name, { dtype }] of (await readSafetensors(join(path, file))).tensors) found[name] = dtype
    return found
  }
  const name = 'blk.0.ffn_down.weight'
  const other = 'blk.0.attn_output.weight'
  expect(await dtypes(await newest(moved))).toMatchObject({
    [`${name}.first_moment`]: 'U8',
    [`${name}.first_moment.scale`]: 'F32',
    [`${other}.first_moment`]: 'F32',
  })
  await begun(1, moved, [...args(moved, {}), '--resume'], 20)
  expect(await dtypes(await newest(moved))).toMatchObject({ [`${other}.first_moment`]: 'U8' })
  await run(4, [...args(moved, tensor(4)), '--resume'])
  const [ours, theirs] = [await numbers(moved), await numbers(alone)]
  expect(ours.map(({ step }) => step)).toEqual(theirs.map(({ step }) => step))
  for (const [i, { numbers }] of ours.entries()) expect(Math.abs(numbers[0]! / theirs[i]!.numbers[0]! - 1)).toBeLessThan(0.02)
})

describe('a process that dies', () => {
  test('is named by all others, and the run goes on', async () => {
    const [output, alone] = [join(folder, 'killed'), join(folder, 'not-killed')]
    const settings = { ...adapter, steps: '200', 'save-every': '10', 'validate-every': '1000', 'learning-rate': '1e-4' }
    const args = trained(output, 2, { ...settings, ...tensor(2) })
    await run(1, trained(alone, 4, settings))
    const job = await byVariables(4, args)
    await until(async () => (await stepsIn(output)) > 30)
    process.kill(job[1]!.pid()!, 'SIGKILL')
    const at = performance.now()
    const [zero, , two, three] = await Promise.all(job.map(({ ended }) => ended))
    expect(performance.now() - at).toBeLessThan(30_000)
    for (const other of [zero!, two!, three!])
      expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(/Rank 1 of 4 died, and so the whole job ends/)])
    await run(4, [...args, '--resume'])
    await requireAlike(output, alone, 2e-5)
  })
})

test('what cannot be divided is refused, with what can', async () => {
  const refused = async (size: number, more: Settings) => {
    const args = trained(join(folder, 'refused'), 1, { ...adapter, ...more })
    const outcomes = size === 1 ? [await qt(args)] : await Promise.all((await byVariables(size, args)).map(({ ended }) => ended))
    // Who is first says why, and the others that it did.
    expect(outcomes.map(({ code }) => code)).toContain(2)
    for (const { code } of outcomes) expect([1, 2]).toContain(code)
    return outcomes.map(({ stderr }) => stderr).join()
  }
  expect(await refused(1, tensor(2))).toContain('1 process cannot be groups of 2')
  expect(await refused(3, tensor(2))).toContain('3 processes cannot be groups of 2')
  expect(await refused(4, tensor(4))).toMatch(/2 key heads.*4 processes cannot share them.*"tensorParallel": 2/s)
  expect(await refused(2, { ...tensor(2), optimizer: 'adafactor' })).toContain('adafactor with training.tensorParallel')
  expect(await refused(2, { ...tensor(2), deterministic: 'strict' })).toContain('cannot have the bytes of one process')
})

test('--plan tells the memory of each process: its share of each block, of its activations, and of what is trained', async () => {
  const plan = async (size: number, more: Settings): Promise<Map<string, number>> => {
    const args = [...trained(join(folder, 'plan'), 1, more), '--plan', '--json']
    const outcomes = size === 1 ? [await qt(args)] : await Promise.all((await byVariables(size, args)).map(({ ended }) => ended))
    for (const { code, stderr } of outcomes) expect(code, stderr).toBe(0)
    const { parts }: { parts: { part: string; bytes: number }[] } = JSON.parse(outcomes[0]!.stdout)
    return new Map(parts.map(({ part, bytes }) => [part, bytes]))
  }
  const settings = { ...whole, 'd-model': '64', ffn: '1024', layers: '4' }
  const [one, two, four] = [
    await plan(1, settings),
    await plan(2, { ...settings, ...tensor(2) }),
    await plan(4, { ...settings, ...tensor(4) }),
  ]
  for (const part of ['trained parameters', 'gradients', 'optimiser state', 'activations kept']) {
    expect(two.get(part)! / one.get(part)!, part).toBeLessThan(0.7)
    expect(four.get(part)! / one.get(part)!, part).toBeLessThan(0.5)
  }
  const [all, half] = [await plan(1, adapter), await plan(2, { ...adapter, ...tensor(2) })]
  const share = half.get('base weights (a share of each block)')! / all.get('base weights (mapped file)')!
  expect(share).toBeGreaterThan(0.5)
  expect(share).toBeLessThan(0.9)
})
