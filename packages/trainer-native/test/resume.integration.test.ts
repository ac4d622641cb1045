import { spawn } from 'node:child_process'
import { appendFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { QtError, type RunEvent, type TrainingConfigInput, uniform } from '@qt/core'
import { beforeAll, describe, expect, test } from 'vitest'
import { train } from '../src/index.js'
import { eventsOf, fixture, stepsIn, temporaryFolder } from './support.js'

const program = fileURLToPath(new URL('run.mjs', import.meta.url))
const folder = await temporaryFolder()

/** Everything that has state: dropout, a shuffled order, windows, a schedule, moments, validation and early stopping. */
const config = (
  output: string,
  more: TrainingConfigInput['training'] = {},
  adapter: TrainingConfigInput['adapter'] = {},
): TrainingConfigInput => ({
  base: fixture('tiny-untied'),
  data: { path: fixture('lora', 'rows.jsonl'), format: 'tokens', validation: 0.2 },
  adapter: { rank: 4, alpha: 8, dropout: 0.1, ...adapter },
  training: {
    steps: 40,
    batchSize: 2,
    gradAccumulation: 2,
    sequenceLength: 64,
    precision: 'float32',
    learningRate: 2e-3,
    warmupSteps: 5,
    weightDecay: 0.01,
    shuffle: true,
    saveEvery: 3,
    validateEvery: 4,
    earlyStopping: { patience: 6, minDelta: 0.001 },
    ...more,
  },
  threads: 1,
  output,
})

/** What a run left: the adapter, the newest checkpoint, and its events without what time decides. */
async function result(output: string) {
  const newest = (await readdir(join(output, 'checkpoints'))).sort().at(-1)!
  const bytes = async (...names: string[]) => (await readFile(join(output, ...names))).toString('base64')
  return {
    newest,
    adapter: await bytes('adapter', 'adapter_model.safetensors'),
    parameters: await bytes('checkpoints', newest, 'parameters.safetensors'),
    optimizer: await bytes('checkpoints', newest, 'optimizer.safetensors'),
    events: (await eventsOf(output)).map(timeless(output)),
  }
}

const timeless =
  (output: string) =>
  (event: RunEvent): unknown =>
    JSON.parse(
      JSON.stringify(event, (key, value) =>
        ['time', 'tokensPerSecond', 'memory', 'seconds'].includes(key) ? undefined : value,
      ).replaceAll(output, 'OUTPUT'),
    )

/** Everything else that has state: lengths, codes of 8 bits, averages, noise. */
const stateful = (output: string): TrainingConfigInput => ({
  ...config(
    output,
    { optimizer: 'adamw8bit', averageDecay: 0.9, embeddingNoise: 5, labelSmoothing: 0.1 },
    { kind: 'dora', rank: 64, loraPlusRatio: 2 },
  ),
})

/** What is computed from the base when a run begins, and matrices that are trained whole. */
const principal = (output: string): TrainingConfigInput =>
  config(output, {}, { kind: 'pissa', modulesToSave: ['embed_tokens', 'lm_head'] })

const whole = join(folder, 'whole')
const wholePrincipal = join(folder, 'whole-principal')
const wholeStateful = join(folder, 'whole-stateful')
beforeAll(async () => {
  await train(config(whole))
  await train(stateful(wholeStateful))
  await train(principal(wholePrincipal))
}, 60_000)

/** Runs a process until it has said so many events, and kills it some milliseconds later; true when it ended by itself. */
async function runAndKill(file: string, resume: boolean, events: number, delay: number): Promise<boolean> {
  const child = spawn(process.execPath, [program, file, ...(resume ? ['--resume'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const before = seen
    seen += text.split('\n').length - 1
    if (before < events && seen >= events) setTimeout(() => child.kill('SIGKILL'), delay)
  })
  return new Promise((resolve) => child.on('close', (code) => resolve(code === 0)))
}

describe('a run that was stopped ends with the bytes of one that was not', () => {
  test.each([
    ['LoRA', config, whole],
    ['DoRA with everything', stateful, wholeStateful],
    ['PiSSA with embedding and output', principal, wholePrincipal],
  ] as const)('after kill -9 at ten random moments, with torn lines in the log: %s', async (name, configOf, uninterrupted) => {
    const output = join(folder, `killed-${name}`)
    await mkdir(output)
    const file = join(folder, `killed-${name}.json`)
    await writeFile(file, JSON.stringify(configOf(output)))
    let kills = 0
    let ended = false
    for (let i = 0; i < 10 && !ended; i++) {
      ended = await runAndKill(
        file,
        true,
        1 + Math.floor(uniform(3, 'shuffle', 0, 2 * i) * 12),
        uniform(3, 'shuffle', 0, 2 * i + 1) * 25,
      )
      if (ended) break
      kills++
      if (i % 2 === 1) await appendFile(join(output, 'events.jsonl'), '{"type":"step","step":7,"lo')
    }
    expect(kills).toBeGreaterThanOrEqual(8)
    if (!ended) await train(configOf(output), { resume: true })
    expect(await result(output)).toEqual(await result(uninterrupted))
  })

  test('after aborts during steps, validations and everything between', async () => {
    const output = join(folder, 'aborted')
    let [paused, ended] = [0, false]
    while (!ended) {
      const abort = new AbortController()
      const run = train(config(output), { resume: true, signal: abort.signal })
      const limit = 1 + Math.floor(uniform(4, 'shuffle', 0, paused) * 14)
      let seen = 0
      try {
        for await (const _ of run) if (++seen === limit) setTimeout(() => abort.abort(), uniform(5, 'shuffle', 0, paused) * 10)
        ended = true
      } catch (error) {
        expect(QtError.isInstance(error) && error.code).toBe('RUN_PAUSED')
        paused++
      }
    }
    expect(paused).toBeGreaterThan(2)
    expect(await result(output)).toEqual(await result(whole))
  })
})

test.each([
  [2, config, whole],
  [3, config, whole],
  [2, stateful, wholeStateful],
  [7, stateful, wholeStateful],
] as const)('%i threads give the bytes of one', async (threads, configOf, single) => {
  const output = join(folder, `threads-${threads}-${configOf.name}`)
  await train({ ...configOf(output), threads })
  const [ours, one] = [await result(output), await result(single)]
  expect({ ...ours, events: [] }).toEqual({ ...one, events: [] })
  expect(stepsIn(await eventsOf(output)).map(({ loss, gradNorm }) => [loss, gradNorm])).toEqual(
    stepsIn(await eventsOf(single)).map(({ loss, gradNorm }) => [loss, gradNorm]),
  )
})

test('a run is not resumed with another configuration, nor written over', async () => {
  await expect(train(config(whole, { learningRate: 3e-3 }), { resume: true })).rejects.toMatchObject({
    code: 'RESUME_CHANGED',
    kind: 'usage',
  })
  await expect(train(config(whole))).rejects.toMatchObject({ code: 'RUN_EXISTS', kind: 'usage' })
  expect(stepsIn(await eventsOf(whole)).length).toBeGreaterThan(20)
})

test('a run is not resumed in micro-batches that do not divide its own', async () => {
  const output = join(folder, 'undivided')
  const one = { steps: 1, gradAccumulation: 1 }
  await train(config(output, { ...one, batchSize: 4 }))
  await expect(train(config(output, { ...one, batchSize: 2 }), { resume: true })).rejects.toMatchObject({
    code: 'RESUME_CHANGED',
    kind: 'usage',
  })
})

test('resuming a run that has ended changes nothing', async () => {
  const before = await result(whole)
  await train(config(whole), { resume: true })
  expect(await result(whole)).toEqual(before)
})

test('nobody hears of a checkpoint that could not be written', async () => {
  const output = join(folder, 'unwritable')
  await mkdir(output)
  // A file where the folder of checkpoints is to be.
  await writeFile(join(output, 'checkpoints'), '')
  const heard: string[] = []
  const run = train(config(output))
  const listening = (async () => {
    for await (const { type } of run) heard.push(type)
  })()
  await expect(run).rejects.toThrow()
  await listening.catch(() => {})
  expect(heard.filter((type) => type === 'step')).toHaveLength(3)
  expect(heard).not.toContain('checkpoint')
  expect(await readFile(join(output, 'run.log'), 'utf8')).not.toContain('saved ')
})
