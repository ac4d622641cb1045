import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseEvent, type RunEvent, uniform } from '@qt/core'
import { readSafetensors } from '@qt/weights'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { hubServer } from '../../weights/test/hub-server.js'
import { byVariables, mpirunHere, type StartedProcess, underMpirun, until } from './job.js'
import { fixture, type Outcome, qt } from './qt.js'

let folder = ''
let rows = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-job-'))
  rows = join(folder, 'rows.jsonl')
  const row = (i: number) => JSON.stringify({ input_ids: Array.from({ length: 32 }, (_, j) => 3 + ((i * 7 + j * 5) % 256)) })
  await writeFile(rows, Array.from({ length: 29 }, (_, i) => row(i)).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const mpi = mpirunHere()

/** A shuffled order, clipping, validation, windows that end within an epoch: 24 rows, 12 in a step of 6 micro-batches. */
const usual: Readonly<Record<string, string>> = {
  'sequence-length': '32',
  'batch-size': '2',
  precision: 'float32',
  threads: '1',
  validation: '0.17',
  'learning-rate': '1e-2',
  'save-every': '5',
  'validate-every': '4',
  steps: '14',
  shuffle: 'true',
}
const adapter = { adapter: 'lora', rank: '4', dropout: '0.1' }
const strict = { deterministic: 'strict' }
const long = { ...adapter, steps: '100000', 'save-every': '20', 'validate-every': '1000' }

const trained = (output: string, gradAccumulation: number, more: Readonly<Record<string, string>>): string[] => {
  const flags = {
    base: fixture('tiny.gguf'),
    data: rows,
    output,
    'grad-accumulation': String(gradAccumulation),
    ...usual,
    ...more,
  }
  return ['train', ...Object.entries(flags).flatMap(([name, value]) => (value === 'true' ? [`--${name}`] : [`--${name}`, value]))]
}

/** A job to its end, in which every process is to end well. */
async function run(size: number, args: readonly string[], by: 'mpirun' | 'variables'): Promise<Outcome> {
  if (size === 1) return good(await qt(args))
  if (by === 'mpirun') return good(await underMpirun(size, args).ended)
  const [first, ...others] = await Promise.all((await byVariables(size, args)).map(({ ended }) => ended))
  for (const other of others) expect([other.code, other.stdout, other.stderr]).toEqual([0, '', ''])
  return good(first!)
}
function good(outcome: Outcome): Outcome {
  expect(outcome.code, outcome.stderr).toBe(0)
  return outcome
}

async function events(output: string): Promise<RunEvent[]> {
  const text = await readFile(join(output, 'events.jsonl'), 'utf8')
  return text.split('\n').flatMap((line) => parseEvent(line) ?? [])
}
const stepsOf = async (output: string) => (await events(output)).filter((event) => event.type === 'step')
const numbers = async (output: string) =>
  (await events(output)).flatMap((event) => {
    if (event.type === 'step') return [{ step: event.step, tokens: event.tokens, loss: event.loss, gradNorm: event.gradNorm }]
    return event.type === 'validation' ? [{ step: event.step, loss: event.loss }] : []
  })

/** The arrays of a checkpoint, whole, whatever files they lie in. */
async function arraysOf(checkpoint: string): Promise<Map<string, string>> {
  const files = (await readdir(checkpoint)).filter((name) => name.endsWith('.safetensors')).sort()
  const pieces = new Map<string, Buffer[]>()
  for (const name of files) {
    const file = await readSafetensors(join(checkpoint, name))
    for (const tensor of file.tensors.keys())
      pieces.set(tensor, [...(pieces.get(tensor) ?? []), Buffer.from(await file.read(tensor))])
  }
  return new Map([...pieces].map(([name, all]): [string, string] => [name, Buffer.concat(all).toString('base64')]).sort())
}

/** What a run left: the newest checkpoint and what it was for, as bytes; and its numbers. */
async function result(output: string) {
  const newest = (await readdir(join(output, 'checkpoints'))).sort().at(-1)!
  const bytes = async (...names: string[]) => (await readFile(join(output, ...names))).toString('base64')
  const there = await readdir(output)
  const made = there.includes('adapter') ? ['adapter', 'adapter_model.safetensors'] : ['model', 'model.safetensors']
  return {
    newest,
    made: await bytes(...made),
    arrays: await arraysOf(join(output, 'checkpoints', newest)),
    numbers: await numbers(output),
  }
}

describe.each(['mpirun', 'variables'] as const)('a job started by %s', (by) => {
  const here = by === 'variables' || mpi

  test.runIf(here)('has the losses of one process, and its counts, to rounding', async () => {
    const [one, two] = [join(folder, `${by}-one`), join(folder, `${by}-two`)]
    await run(1, trained(one, 6, adapter), by)
    const { stdout } = await run(2, trained(two, 3, adapter), by)
    expect(stdout.match(/Trained 14 steps/g)).toHaveLength(1)
    const [alone, together] = [await numbers(one), await numbers(two)]
    expect(together.map(({ step }) => step)).toEqual(alone.map(({ step }) => step))
    for (const [i, { loss }] of together.entries()) expect(Math.abs(loss / alone[i]!.loss - 1)).toBeLessThan(2e-6)
    expect(together.at(-1)).toMatchObject({ step: 14 })
    // Exchanged once a step, of whole gradients.
    const once = join(folder, `${by}-once`)
    await run(2, [...trained(once, 3, adapter), '--no-shard-gradients'], by)
    for (const [i, { loss }] of (await numbers(once)).entries()) expect(Math.abs(loss / alone[i]!.loss - 1)).toBeLessThan(2e-6)
    expect((await stepsOf(two)).at(-1)!.tokens).toBe((await stepsOf(one)).at(-1)!.tokens)
    expect((await events(two))[0]).toMatchObject({ type: 'start', processes: 2 })
  })

  test.runIf(here)('has the bytes of one process where it is asked for them', async () => {
    const outputs: string[] = []
    for (const size of [1, 2, 3, 6]) {
      const output = join(folder, `${by}-strict-${size}`)
      await run(size, trained(output, 6 / size, { ...adapter, ...strict }), by)
      outputs.push(output)
    }
    const [alone, ...others] = await Promise.all(outputs.map(result))
    for (const other of others) expect(other).toEqual(alone)
  })

  test.runIf(here)('shares the state of the optimiser, with a moving average, of a whole model', async () => {
    const more = { ...strict, optimizer: 'adamw8bit', 'average-decay': '0.9', 'learning-rate': '1e-3' }
    const outputs: string[] = []
    for (const size of [1, 2, 4]) {
      const output = join(folder, `${by}-whole-${size}`)
      await run(size, trained(output, 4 / size, more), by)
      outputs.push(output)
    }
    const [alone, ...others] = await Promise.all(outputs.map(result))
    for (const other of others) expect(other).toEqual(alone)
  })
})

/** What else has state, or sums of its own. */
const engineFixture = (...names: string[]) =>
  fileURLToPath(new URL(['../../trainer-native/test/fixtures', ...names].join('/'), import.meta.url))
const tokens = { data: engineFixture('lora', 'rows.jsonl'), format: 'tokens' }
const preference = (objective: string) => ({
  data: engineFixture(objective, 'pairs.jsonl'),
  format: 'preference',
  objective,
  validation: '0',
})
test.each([
  ['DPO', { ...adapter, ...preference('dpo') }],
  ['ORPO', { ...adapter, ...preference('orpo') }],
  ['DoRA with Adafactor', { ...tokens, ...adapter, adapter: 'dora', optimizer: 'adafactor' }],
  [
    'PiSSA with embedding, output and a frozen module',
    { ...tokens, adapter: 'pissa', rank: '4', 'modules-to-save': 'embed_tokens,lm_head', frozen: 'q_proj' },
  ],
  ['a whole model with Muon', { ...tokens, optimizer: 'muon' }],
] as const)('two processes have the bytes of one: %s', async (name, more) => {
  const settings = {
    ...more,
    ...strict,
    base: engineFixture('tiny-untied'),
    'sequence-length': '64',
    'learning-rate': '2e-3',
    steps: '6',
  }
  const [one, two] = [join(folder, `one-${name}`), join(folder, `two-${name}`)]
  await run(1, trained(one, 2, settings), 'variables')
  await run(2, trained(two, 1, settings), 'variables')
  expect(await result(two)).toEqual(await result(one))
})

test.each([
  ['LoRA', adapter],
  ['DoRA', { ...adapter, adapter: 'dora' }],
  ['PiSSA', { ...adapter, adapter: 'pissa', dropout: '0' }],
  ['DPO', { ...adapter, ...preference('dpo'), base: engineFixture('tiny-untied'), 'sequence-length': '64' }],
  ['LoRA on NF4', { ...tokens, ...adapter, base: engineFixture('tiny-untied'), quantization: 'nf4', 'sequence-length': '64' }],
] as const)('a base of which each process holds its share gives the bytes of a whole one: %s', async (name, more) => {
  const settings = { ...more, ...strict, steps: '6' }
  const whole = join(folder, `whole-base-${name}`)
  await run(1, trained(whole, 4, settings), 'variables')
  for (const size of [2, 3, 4]) {
    const shared = join(folder, `shared-base-${name}-${size}`)
    // Three processes have steps of their own size: six micro-batches, of which the last of an epoch has fewer.
    const steps = size === 3 ? 2 : 4 / size
    if (size === 3) await run(1, trained(`${shared}-alone`, 6, settings), 'variables')
    await run(size, trained(shared, steps, { ...settings, 'shard-base': 'true' }), 'variables')
    expect(await result(shared)).toEqual(await result(size === 3 ? `${shared}-alone` : whole))
  }
})

test('a paused run with a shared base goes on in one process', async () => {
  const [whole, moved] = [join(folder, 'base-unmoved'), join(folder, 'base-moved')]
  const more = { ...adapter, ...strict, steps: '400', 'save-every': '100', 'learning-rate': '1e-4' }
  await run(1, trained(whole, 2, more), 'variables')
  const two = await byVariables(2, trained(moved, 1, { ...more, 'shard-base': 'true' }))
  await until(async () => (await stepsIn(moved)) > 30)
  process.kill(two[1]!.pid()!, 'SIGINT')
  expect((await Promise.all(two.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([130, 130])
  await run(1, [...trained(moved, 1, more), '--resume'], 'variables')
  expect(await result(moved)).toEqual(await result(whole))
})

const stepsIn = async (output: string) => (await stepsOf(output)).length

/** The processes that mpirun has started, by rank. */
async function ranksOf(output: string): Promise<Map<number, number>> {
  const found = new Map<number, number>()
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const text = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8').catch(() => '')
    if (!(await text('cmdline')).includes(`\0${output}\0`)) continue
    const rank = /OMPI_COMM_WORLD_RANK=(\d+)/.exec(await text('environ'))?.[1]
    if (rank !== undefined) found.set(Number(rank), Number(pid))
  }
  return found
}

describe('a process that dies', () => {
  const died = /error: Rank 1 of 3 died, and so the whole job ends/g

  test('ends the job at once, everywhere and by its name, whenever it is killed; --resume goes on', async () => {
    const output = join(folder, 'killed')
    const short = { ...adapter, steps: '200', 'save-every': '3' }
    const args = trained(output, 2, short)
    const whole = join(folder, 'not-killed')
    await run(3, trained(whole, 2, short), 'variables')
    let kills = 0
    for (let i = 0; i < 5; i++) {
      const job = await byVariables(3, [...args, '--resume'])
      const before = await stepsIn(output).catch(() => 0)
      await until(async () => (await stepsIn(output)) > Math.min(190, before + 3 * uniform(9, 'shuffle', 0, i)))
      await new Promise((resolve) => setTimeout(resolve, 20 * uniform(9, 'shuffle', 1, i)))
      process.kill(job[1]!.pid()!, 'SIGKILL')
      const begun = performance.now()
      const [zero, one, two] = await Promise.all(job.map(({ ended }) => ended))
      if (one!.code !== null) continue
      kills++
      // Not by its patience, which is two minutes.
      expect(performance.now() - begun).toBeLessThan(30_000)
      for (const other of [zero!, two!]) {
        expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(died)])
      }
      expect(await readFile(join(output, 'run.log'), 'utf8')).toContain('rank 1: died')
    }
    expect(kills).toBeGreaterThan(0)
    await run(3, [...args, '--resume'], 'variables')
    expect(await result(output)).toEqual(await result(whole))
  })

  test.runIf(mpi)('does so under mpirun', async () => {
    const output = join(folder, 'killed-mpi')
    const job = underMpirun(3, trained(output, 2, long))
    await until(async () => (await stepsIn(output)) > 30)
    process.kill((await ranksOf(output)).get(1)!, 'SIGKILL')
    const { code, stderr } = await job.ended
    expect(code).not.toBe(0)
    expect(stderr.match(died)).toHaveLength(2)
  })

  test('does so while blocks of a base that is shared out are brought together', async () => {
    const output = join(folder, 'killed-base')
    const job = await byVariables(3, trained(output, 2, { ...long, 'shard-base': 'true' }))
    await until(async () => (await stepsIn(output)) > 30)
    process.kill(job[1]!.pid()!, 'SIGKILL')
    const [zero, , two] = await Promise.all(job.map(({ ended }) => ended))
    for (const other of [zero!, two!]) expect([other.code, other.stderr]).toEqual([1, expect.stringMatching(died)])
  })

  test('says why where it can: the others name it and its reason', async () => {
    const output = join(folder, 'threw')
    const missing = join(folder, 'nothing.jsonl')
    const [zero, one] = await Promise.all(
      (
        await byVariables(2, trained(output, 1, adapter), {
          change: (rank, args) => (rank === 1 ? args.map((arg) => (arg === rows ? missing : arg)) : args),
        })
      ).map(({ ended }) => ended),
    )
    expect([one!.code, one!.stderr]).toEqual([2, expect.stringContaining('nothing.jsonl')])
    // The same to the word, and nothing of going on: there is nothing yet.
    expect([zero!.code, zero!.stderr]).toEqual([2, expect.stringContaining('nothing.jsonl')])
    expect(zero!.stderr.split('\n')[0]).toBe(one!.stderr.split('\n')[0])
    expect(zero!.stderr).toContain('Rank 1 of 2 found this')
    expect(zero!.stderr + one!.stderr).not.toContain('--resume')
  })

  test.runIf(mpi)('ends mpirun with the code of bad input where that is why', async () => {
    const output = join(folder, 'bad-input')
    const missing = trained(output, 1, adapter).map((arg) => (arg === rows ? join(folder, 'nothing.jsonl') : arg))
    const { code, stderr } = await underMpirun(3, missing).ended
    expect(code, stderr).toBe(2)
    expect(stderr.match(/error: There is no data at .*nothing\.jsonl/g)).toHaveLength(3)
    expect(stderr).not.toContain('--resume')
  })

  test('is not what happens when training diverges: all end alike, and the state before is saved', async () => {
    const output = join(folder, 'diverged')
    const wild = { 'learning-rate': '1e30', 'save-every': '1000' }
    for (const { ended } of await byVariables(2, trained(output, 1, wild))) {
      const { code, stderr } = await ended
      expect([code, stderr]).toEqual([1, expect.stringMatching(/Training stopped at step \d+: .*training-diverged/s)])
    }
    expect((await events(output)).at(-1)).toMatchObject({ type: 'end', why: 'anomaly' })
    expect(await readdir(join(output, 'checkpoints'))).toEqual([expect.stringMatching(/^step-\d{6}$/)])
  })

  test('is refused where it would train something else', async () => {
    const output = join(folder, 'differs')
    const job = await byVariables(2, trained(output, 1, adapter), {
      change: (rank, args) => args.map((arg) => (rank === 1 && arg === '1e-2' ? '1e-3' : arg)),
    })
    const outcomes = await Promise.all(job.map(({ ended }) => ended))
    for (const { stderr } of outcomes) expect(stderr).toContain('Rank 1 has another configuration, base or data than rank 0')
  })

  test('is refused where some compute on GPUs and others do not, which exchange numbers in other ways', async () => {
    const job = await byVariables(2, trained(join(folder, 'devices'), 1, adapter), {
      change: (rank, args) => (rank === 1 ? [...args, '--device', 'cuda'] : args),
    })
    for (const { ended } of job) {
      const { code, stderr } = await ended
      expect([code, stderr]).toEqual([2, expect.stringContaining('Rank 1 has another configuration')])
    }
  })
})

describe('a checkpoint of several processes', () => {
  const filesOf = async (output: string) => {
    const newest = (await readdir(join(output, 'checkpoints'))).sort().at(-1)!
    return (await readdir(join(output, 'checkpoints', newest))).sort()
  }
  const more = {
    ...strict,
    steps: '60',
    'save-every': '1',
    optimizer: 'adamw8bit',
    'average-decay': '0.9',
    'learning-rate': '1e-3',
  }

  test('is written by all of them, and outlives kill -9 of any of them at any moment', async () => {
    const [whole, output] = [join(folder, 'saved-whole'), join(folder, 'saved-together')]
    await run(1, trained(whole, 3, more), 'variables')
    let kills = 0
    for (let i = 0; i < 8; i++) {
      const job = await byVariables(3, [...trained(output, 1, more), '--resume'])
      const before = await stepsIn(output).catch(() => 0)
      // Almost all the time goes into writing.
      await until(async () => (await stepsIn(output)) > Math.min(55, before + 3 * uniform(9, 'shuffle', 2, i)))
      await new Promise((resolve) => setTimeout(resolve, 40 * uniform(9, 'shuffle', 3, i)))
      process.kill(job[i % 3]!.pid()!, 'SIGKILL')
      const codes = (await Promise.all(job.map(({ ended }) => ended))).map(({ code }) => code)
      if (codes[i % 3] === null) kills++
    }
    expect(kills).toBeGreaterThan(4)
    await run(3, [...trained(output, 1, more), '--resume'], 'variables')
    const names = (kind: string) => [1, 2, 3].map((shard) => `${kind}-0000${shard}-of-00003.safetensors`)
    expect(await filesOf(output)).toEqual([...names('optimizer'), ...names('parameters'), 'state.json'])
    expect(await result(output)).toEqual(await result(whole))

    // One that is not whole is passed over for the one before it.
    await truncate(join(output, 'checkpoints', 'step-000060', names('optimizer')[1]!), 100)
    await run(1, [...trained(output, 3, more), '--resume'], 'variables')
    expect(await result(output)).toEqual(await result(whole))
  })

  test('is written by the first where others do not see its folder, and read by it for all', async () => {
    const [whole, output] = [join(folder, 'saved-by-one'), join(folder, 'saved-apart')]
    await run(1, trained(whole, 2, more), 'variables')
    const args = trained(output, 1, more)
    const elsewhere = (rank: number, given: readonly string[]) =>
      given.map((arg) => (arg === output && rank > 0 ? `${arg}-${rank}` : arg))
    const job = await byVariables(2, args, { change: elsewhere })
    await until(async () => (await stepsIn(output)) > 3)
    process.kill(job[1]!.pid()!, 'SIGKILL')
    expect((await Promise.all(job.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([1, null])
    expect(await filesOf(output)).toEqual(['optimizer.safetensors', 'parameters.safetensors', 'state.json'])
    const again = await byVariables(2, [...args, '--resume'], { change: elsewhere })
    for (const { ended } of again) good(await ended)
    expect(await result(output)).toEqual(await result(whole))
  })
})

test('a base of the hub comes down once, by however many processes it is wanted', async () => {
  const hub = await hubServer({ files: { 'tiny.gguf': await readFile(fixture('tiny.gguf')) }, large: ['tiny.gguf'] })
  const env = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: join(folder, 'hub') }
  const args = trained(join(folder, 'of-the-hub'), 1, { ...adapter, steps: '2', base: 'owner/name:tiny.gguf' })
  for (const { ended } of await byVariables(3, args, { env: () => env })) good(await ended)
  expect(hub.log.filter((line) => line.startsWith('GET storage'))).toEqual(['GET storage/tiny.gguf'])
})

test('a run goes on in another number of processes, and ends with the bytes of one that never stopped', async () => {
  const [whole, moved] = [join(folder, 'unmoved'), join(folder, 'moved')]
  const more = { ...adapter, ...strict, steps: '900', 'save-every': '40', 'validate-every': '100', 'learning-rate': '1e-4' }
  await run(1, trained(whole, 4, more), 'variables')
  // Begun by two processes; each goes on with the steps of the run, though its own command would make others.
  const resumed = [...trained(moved, 2, more), '--resume']
  const two = await byVariables(2, trained(moved, 2, more))
  await until(async () => (await stepsIn(moved)) > 150)
  process.kill(two[1]!.pid()!, 'SIGINT')
  expect((await Promise.all(two.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([130, 130])
  const before = await stepsIn(moved)
  const three = await byVariables(3, resumed)
  await until(async () => (await stepsIn(moved)) > before + 150)
  process.kill(three[2]!.pid()!, 'SIGKILL')
  expect((await Promise.all(three.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([1, 1, null])
  const { stderr } = await run(1, resumed, 'variables')
  expect(stderr).toContain('A step keeps the 8 rows that the run began with, in 4 micro-batches for 1 process.')
  expect(await result(moved)).toEqual(await result(whole))
})

test.runIf(mpi)('Ctrl-C reaches one process of mpirun, and all pause with 130 and can go on', async () => {
  const output = join(folder, 'paused')
  const job = underMpirun(2, trained(output, 2, long))
  await until(async () => (await stepsIn(output)) > 20)
  process.kill((await ranksOf(output)).get(1)!, 'SIGINT')
  const { code, stderr } = await job.ended
  expect([code, stderr]).toEqual([
    130,
    expect.stringMatching(/Go on with, started in as many processes as you like:\n.*--resume/),
  ])
  expect((await events(output)).at(-1)).toMatchObject({ type: 'paused' })
})

test('only processes of the job come in', async () => {
  const output = join(folder, 'token')
  const job = await byVariables(2, trained(output, 1, adapter), {
    env: (rank) => ({ QT_JOB_TOKEN: rank === 0 ? 'right' : 'wrong', QT_JOB_TIMEOUT: '20' }),
  })
  const [zero, one] = await Promise.all(job.map(({ ended }) => ended))
  expect([zero!.code, zero!.stderr]).toEqual([1, expect.stringContaining('rank 1 of 2 did not come within 20 s')])
  expect([one!.code, one!.stderr]).toEqual([1, expect.stringContaining('QT_JOB_TOKEN differs from that of rank 0')])
})

test('--plan tells the memory of each process: less than that of one', async () => {
  const plan = async (size: number, gradAccumulation = 1, more: readonly string[] = []): Promise<Map<string, number>> => {
    const args = [...trained(join(folder, 'plan'), gradAccumulation, {}), ...more, '--plan', '--json']
    const [first, ...others]: StartedProcess[] = await byVariables(size, args)
    for (const other of others) expect((await other.ended).stdout).toBe('')
    const { parts }: { parts: { part: string; bytes: number }[] } = JSON.parse((await first!.ended).stdout)
    return new Map(parts.map(({ part, bytes }) => [part, bytes]))
  }
  const [one, four] = [await plan(1), await plan(4)]
  expect(four.get('optimiser state')! / one.get('optimiser state')!).toBeLessThan(0.35)
  // Whole gradients for one exchange a step, where a step has several micro-batches for each process.
  const once = await plan(2, 2, ['--no-shard-gradients'])
  expect(once.get('gradients on their way')).toBeGreaterThanOrEqual(one.get('gradients')!)
  expect(four.get('gradients')! / one.get('gradients')!).toBeLessThan(0.35)
})

/** Machines that are on one switch, in namespaces of the network; undefined where those are not permitted. */
function machines(count: number, net: string) {
  const names = Array.from({ length: count }, (_, i) => `qt-${net}-${i}`)
  const switched = `qt-${net}-switch`
  const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })
  const remove = () => {
    for (const name of [...names, switched]) spawnSync('ip', ['netns', 'del', name])
  }
  const address = (i: number) => `10.${net}.0.${i + 1}`
  remove()
  try {
    ip('netns', 'add', switched)
    ip('-n', switched, 'link', 'add', 'switch', 'type', 'bridge')
    ip('-n', switched, 'link', 'set', 'switch', 'up')
    for (const [i, name] of names.entries()) {
      ip('netns', 'add', name)
      ip('link', 'add', 'line', 'netns', name, 'type', 'veth', 'peer', 'name', `to-${i}`, 'netns', switched)
      ip('-n', switched, 'link', 'set', `to-${i}`, 'master', 'switch', 'up')
      ip('-n', name, 'addr', 'add', `${address(i)}/24`, 'dev', 'line')
      for (const each of ['line', 'lo']) ip('-n', name, 'link', 'set', each, 'up')
    }
  } catch {
    remove()
    console.log('skipped: jobs on several network namespaces (ip netns is not permitted here)')
    return undefined
  }
  return {
    remove,
    host: address(0),
    through: (i: number) => ['ip', 'netns', 'exec', names[i]!],
    /** Of one machine, from all others. */
    cut: (i: number) => ip('-n', names[i]!, 'link', 'set', 'line', 'down'),
    /** Between two machines, which both still reach all others: what they send each other goes nowhere. */
    cutBetween(one: number, other: number) {
      for (const [here, there] of [[one, other] as const, [other, one] as const])
        ip(
          '-n',
          names[here]!,
          'neigh',
          'replace',
          address(there),
          'lladdr',
          '02:00:00:00:00:01',
          'dev',
          'line',
          'nud',
          'permanent',
        )
    },
  }
}

describe('two machines', () => {
  const two = machines(2, '71')
  afterAll(() => two?.remove())

  test.runIf(two)('train together over the network, and hear of it when the line is cut', async () => {
    const env = (patience: string) => () => ({
      LOCAL_WORLD_SIZE: '2',
      QT_JOB_TOKEN: 'of this job',
      QT_JOB_TIMEOUT: patience,
      QT_JOB_SHARED_MEMORY: '0',
    })
    const job = { host: two!.host, port: 29_500, through: (rank: number) => two!.through(rank < 2 ? 0 : 1), env: env('60') }
    const [one, four] = [join(folder, 'one-machine'), join(folder, 'two-machines')]
    await run(1, trained(one, 4, { ...adapter, ...strict }), 'variables')
    const outcomes = await Promise.all(
      (await byVariables(4, trained(four, 1, { ...adapter, ...strict }), job)).map(({ ended }) => ended),
    )
    expect(outcomes.map(({ code, stderr }) => [code, code === 0 ? '' : stderr])).toEqual(outcomes.map(() => [0, '']))
    expect(await result(four)).toEqual(await result(one))

    const cut = join(folder, 'cut')
    const cutJob = await byVariables(4, trained(cut, 1, long), { ...job, port: 29_501, env: env('15') })
    await until(async () => (await stepsIn(cut)) > 20)
    two!.cut(1)
    for (const { code, stderr } of await Promise.all(cutJob.map(({ ended }) => ended)))
      expect([code, stderr]).toEqual([1, expect.stringMatching(/Rank \d of 4 was silent for 15 s, and so the whole job ends/)])
  })
})

describe('three machines', () => {
  const three = machines(3, '72')
  afterAll(() => three?.remove())

  test.runIf(three)('hear of a line that is cut between two of them, though both still reach the first', async () => {
    const output = join(folder, 'cut-between')
    const job = await byVariables(3, trained(output, 1, long), {
      host: three!.host,
      port: 29_500,
      through: three!.through,
      env: () => ({ LOCAL_WORLD_SIZE: '1', QT_JOB_TIMEOUT: '15', QT_JOB_SHARED_MEMORY: '0' }),
    })
    await until(async () => (await stepsIn(output)) > 20)
    three!.cutBetween(1, 2)
    const begun = performance.now()
    const outcomes = await Promise.all(job.map(({ ended }) => ended))
    // TCP itself would go on trying for a quarter of an hour.
    expect(performance.now() - begun).toBeLessThan(40_000)
    for (const { code, stderr } of outcomes)
      expect([code, stderr]).toEqual([1, expect.stringMatching(/ank [12] (of 3 )?has not answered rank [12] for 15 s/)])
  })
})
