import { existsSync, writeFileSync } from 'node:fs'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseConfig, type RunEvent, type StepEvent, type TrainingConfigInput } from '@qt/core'
import { openModel, readAdapter, specFromConfig } from '@qt/weights'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { gpuLibraries, gpus, planMemory, train } from '../src/index.js'
import { alone } from '../src/parallel/team.js'
import { planStep } from '../src/train/plan-memory.js'
import { prepare } from '../src/train/prepare.js'
import { openTrainer } from '../src/train/training.js'
import { emulatedGpu, isEmulated, useEmulatedGpu } from './emulated-gpu.js'
import { fixture, numbersOf, temporaryFolder } from './support.js'

/*
 * The whole way of a run on a GPU, whose place the emulator takes: the same library, found and opened in the same way.
 */
const there = emulatedGpu('training') !== undefined

const folder = await temporaryFolder()
const rows = join(folder, 'rows.jsonl')
await writeFile(
  rows,
  Array.from({ length: 8 }, (_, i) =>
    JSON.stringify({ input_ids: Array.from({ length: 20 }, (_, j) => 3 + ((7 * i + 3 * j) % 50)) }),
  ).join('\n'),
)

const config = (output: string, more: Partial<TrainingConfigInput> = {}): TrainingConfigInput => ({
  base: fixture('tiny-untied'),
  data: { path: rows, format: 'tokens' },
  adapter: { rank: 4, alpha: 8, dropout: 0.1 },
  threads: 2,
  output: join(folder, output),
  ...more,
  training: {
    steps: 4,
    batchSize: 2,
    sequenceLength: 32,
    precision: 'float32',
    learningRate: 5e-3,
    schedule: 'constant',
    saveEvery: 2,
    ...more.training,
  },
})

async function stepsOf(run: ReturnType<typeof train>): Promise<StepEvent[]> {
  const steps: StepEvent[] = []
  for await (const event of run) if (event.type === 'step') steps.push(event)
  return steps
}

const losses = async (run: ReturnType<typeof train>): Promise<number[]> => (await stepsOf(run)).map(({ loss }) => loss)

/** What a run takes itself: the driver's part of the plan is no memory that others could have. */
async function takenBy(planned: TrainingConfigInput): Promise<string> {
  const { parts } = await planMemory(planned)
  return String(parts.reduce((sum, { part, bytes }) => (part === 'launches that repeat' ? sum : sum + bytes), 0))
}

describe.skipIf(!there)('on a GPU or an emulated one', { timeout: 60_000 }, () => {
  useEmulatedGpu()

  test('it is found, with its memory', () => {
    const found = gpus()
    expect(found).toMatchObject({ state: 'usable', devices: [{ capability: expect.stringMatching(/^\d+\.\d$/) }] })
  })

  test.skipIf(!isEmulated)('of other GPUs than its own a run takes no memory, as asking what is free of them would', async () => {
    const contexts = join(folder, 'contexts')
    vi.stubEnv('QT_EMULATED_GPUS', '3')
    vi.stubEnv('QT_EMULATED_GPU_CONTEXTS', contexts)
    onTestFinished(() => {
      for (const name of ['QT_EMULATED_GPUS', 'QT_EMULATED_GPU_CONTEXTS']) vi.stubEnv(name, undefined)
    })
    const asked = async () => [...new Set((await readFile(contexts, 'utf8')).trim().split('\n'))].sort()
    await train(config('second', { device: 'cuda:1' }))
    expect(await asked()).toEqual(['1'])
    await rm(contexts)
    expect(gpus()).toMatchObject({ devices: [{ free: 2 ** 33 }, { free: 2 ** 33 }, { free: 2 ** 33 }] })
    expect(await asked()).toEqual(['0', '1', '2'])
  })

  test("NVIDIA's libraries are named, with their version or with why they are not used", () => {
    const found = gpuLibraries()
    expect(found.map(({ name }) => name)).toEqual(['cuBLASLt', 'NCCL'])
    for (const { name, version, why } of found) expect(version ?? why).toMatch(version === undefined ? /lib/ : `${name} `)
  })

  test('a run has the losses that it has on the processor', async () => {
    const gpu = await losses(train(config('gpu', { device: 'cuda' })))
    const here = await losses(train(config('cpu')))
    expect(gpu).toHaveLength(4)
    for (const [step, loss] of gpu.entries()) expect(loss).toBeCloseTo(here[step]!, 4)
  })

  test('its steps tell what it takes of the GPU, which is what was planned', async () => {
    const planned = Number(await takenBy(config('memory', { device: 'cuda' })))
    for (const { deviceMemory } of await stepsOf(train(config('memory', { device: 'cuda' })))) expect(deviceMemory).toBe(planned)
    for (const step of await stepsOf(train(config('no-memory')))) expect(step).not.toHaveProperty('deviceMemory')
  })

  test('a run that goes on from its checkpoint ends with the same bytes', async () => {
    const whole = await train(config('whole', { device: 'cuda:0' }))
    const stopped = new AbortController()
    const run = train(config('halves', { device: 'cuda:0' }), { signal: stopped.signal })
    await expect(
      (async () => {
        for await (const event of run) if (event.type === 'checkpoint') stopped.abort()
      })(),
    ).rejects.toMatchObject({ code: 'RUN_PAUSED' })
    const rest = await train(config('halves', { device: 'cuda:0' }), { resume: true })
    const bytes = ({ adapter }: typeof whole) => numbersOf(join(adapter!.path, 'adapter_model.safetensors'))
    expect(await bytes(rest)).toEqual(await bytes(whole))
  })

  test('its plan has no packed copies, but room for decoded weights', async () => {
    const plan = async (device: string) => (await planMemory(config('plan', { device }))).parts
    expect((await plan('cuda')).find(({ part }) => part === "threads' scratch")!.bytes).toBeGreaterThan(4e6)
  })

  test.each([1, 2])('of a model that is trained whole by %i it has the trained numbers alone', async (processes) => {
    const place = { WORLD_SIZE: processes, RANK: 0, LOCAL_WORLD_SIZE: processes, LOCAL_RANK: 0 }
    const launch = { ...place, MASTER_ADDR: '127.0.0.1', MASTER_PORT: 1 }
    for (const [name, value] of Object.entries(launch)) vi.stubEnv(name, String(value))
    onTestFinished(() => {
      for (const name of Object.keys(launch)) vi.stubEnv(name, undefined)
    })
    const partsOf = async (adapter: TrainingConfigInput['adapter']) => {
      const planned = config('base-plan', { device: 'cuda', adapter, training: { tensorParallel: processes } })
      return (await planMemory(planned)).parts.filter(({ part }) => part.startsWith('base weights'))
    }
    expect(await partsOf(undefined)).toEqual([])
    expect(await partsOf({ rank: 4 })).toHaveLength(1)
  })

  test('chunks of feed-forwards and off-loaded inputs change no loss, and the plan says what they take', async () => {
    const saving = { device: 'cuda', training: { checkpointing: true, feedForwardChunk: 16, offload: true } } as const
    const saved = await losses(train(config('saving', saving)))
    const whole = await losses(train(config('not-saving', { device: 'cuda' })))
    for (const [step, loss] of saved.entries()) expect(loss).toBeCloseTo(whole[step]!, 5)
    const [less, more] = await Promise.all([
      planMemory(config('less', saving)),
      planMemory(config('more', { device: 'cuda', training: { checkpointing: true } })),
    ])
    expect(less.total).toBeLessThan(more.total)
    expect(less).toMatchObject({ checkpointing: true, feedForwardChunk: 16 })
    expect(less.offloaded).toBeGreaterThan(0)
    expect(more.offloaded).toBe(0)
  })

  test.skipIf(!isEmulated)(
    'when others take the memory, at the start or in the middle, steps go on in smaller micro-batches with the same rows',
    async () => {
      const four = { training: { batchSize: 4, gradAccumulation: 1 } } as const
      const adapter = { rank: 4, alpha: 8, frozen: ['q_proj'] }
      const plain = { ...four, device: 'cuda', adapter } as const
      const undisturbed = await losses(train(config('undisturbed', plain)))
      const { spec } = await openModel(fixture('tiny-untied'))
      const frozen = async (name: string) =>
        [...(await readAdapter(join(folder, name, 'adapter'), spec)).modules].filter(([module]) => module.includes('attn_q'))
      const less = await takenBy(config('less', { ...plain, training: { batchSize: 2 } }))
      const disturbed = async (name: string, training: TrainingConfigInput['training'], at: (event: RunEvent) => void) => {
        const warnings: string[] = []
        const found: number[] = []
        for await (const event of train(config(name, { ...plain, training: { ...four.training, ...training } }))) {
          if (event.type === 'step') found.push(event.loss)
          if (event.type === 'message' && event.level === 'warning') warnings.push(event.message)
          if (event.type === 'start') expect(event.config).toMatchObject({ training: { batchSize: 4, gradAccumulation: 1 } })
          at(event)
        }
        for (const [step, loss] of found.entries()) expect(loss).toBeCloseTo(undisturbed[step]!, 4)
        expect(found).toHaveLength(4)
        expect(await frozen(name)).toEqual(await frozen('undisturbed'))
        return warnings
      }
      vi.stubEnv('QT_EMULATED_GPU_LEFT', less)
      const start = await disturbed('taken-before', {}, () => {})
      vi.stubEnv('QT_EMULATED_GPU_LEFT', undefined)
      expect(start).toEqual([
        expect.stringContaining('a micro-batch has 2 rows from now on instead of 4, and a step 2 of them instead of 1'),
      ])

      // A trial meets what the run will meet.
      vi.stubEnv('QT_EMULATED_GPU_LEFT', less)
      const tried = train(config('tried', plain), { dryRun: 8 })
      const said: string[] = []
      const trials: number[] = []
      for await (const event of tried) {
        if (event.type === 'message' && event.level === 'warning') said.push(event.message)
        if (event.type === 'step') trials.push(event.loss)
      }
      vi.stubEnv('QT_EMULATED_GPU_LEFT', undefined)
      expect(said).toEqual([expect.stringContaining('a micro-batch has 2 rows from now on instead of 4')])
      expect(trials).toHaveLength(2)
      for (const [step, loss] of trials.entries()) expect(loss).toBeCloseTo(undisturbed[step]!, 4)
      expect((await tried).estimate!.peakMemory).toBeGreaterThan(0)

      const full = join(folder, 'full')
      vi.stubEnv('QT_EMULATED_GPU_FULL', full)
      // The run does not wait for its listener, but it writes a checkpoint after this step.
      const middle = await disturbed('taken-between', { validateEvery: 100 }, (event) => {
        if (event.type === 'step' && event.step === 2) writeFileSync(full, '')
      })
      vi.stubEnv('QT_EMULATED_GPU_FULL', undefined)
      expect(middle).toEqual([expect.stringMatching(/no memory left: a micro-batch has 2 rows/)])
    },
  )

  test.skipIf(!isEmulated)(
    'a run that was cut into smaller micro-batches stays so when it goes on, and ends with the same bytes',
    async () => {
      const bytes = ({ adapter }: Awaited<ReturnType<typeof train>>) =>
        numbersOf(join(adapter!.path, 'adapter_model.safetensors'))
      vi.stubEnv('QT_EMULATED_GPU_LEFT', await takenBy(config('small', { device: 'cuda', training: { batchSize: 1 } })))
      const whole = await train(config('cut-whole', { device: 'cuda' }))
      const stopped = new AbortController()
      const run = train(config('cut-halves', { device: 'cuda' }), { signal: stopped.signal })
      await expect(
        (async () => {
          for await (const event of run) if (event.type === 'checkpoint') stopped.abort()
        })(),
      ).rejects.toMatchObject({ code: 'RUN_PAUSED' })
      vi.stubEnv('QT_EMULATED_GPU_LEFT', undefined)
      const rest = await train(config('cut-halves', { device: 'cuda' }), { resume: true })
      expect(await bytes(rest)).toEqual(await bytes(whole))
    },
  )

  test('what the driver takes for launches that repeat is planned for, but not where none repeat', async () => {
    const bytes = async (more: Partial<TrainingConfigInput>) =>
      (await planMemory(config('launches', { device: 'cuda', ...more }))).parts.find(
        ({ part }) => part === 'launches that repeat',
      )?.bytes
    const plain = { adapter: { rank: 4, alpha: 8 } } as const
    expect(await bytes(plain)).toBeGreaterThan(1e6)
    expect(await bytes({ ...plain, training: { feedForwardChunk: 1, batchSize: 4 } })).toBe(4096 * (16 << 10))
    expect(await bytes({ adapter: { rank: 4, alpha: 8, dropout: 0.1 } })).toBeUndefined()
    expect(await bytes({ ...plain, device: 'cpu' })).toBeUndefined()
  })

  test('8B QLoRA of rank 32 with 78,000 tokens fits into 24 GB, by chunks and off-loading', () => {
    const { spec } = specFromConfig({
      architectures: ['LlamaForCausalLM'],
      model_type: 'llama',
      hidden_size: 4096,
      intermediate_size: 14336,
      num_hidden_layers: 32,
      num_attention_heads: 32,
      num_key_value_heads: 8,
      vocab_size: 128256,
      max_position_embeddings: 131072,
      rope_theta: 500000,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: false,
    })
    const numbers = 2 * 128256 * 4096 + 32 * (2 * 4096 * (4096 + 1024) + 3 * 4096 * 14336)
    const weightBytes = (numbers / 256) * 144 // Q4_K
    const planned = (training: TrainingConfigInput['training'], maxTokens: number) =>
      planStep({
        spec,
        config: parseConfig({ base: 'llama-8b.gguf', data: { path: rows }, device: 'cuda', adapter: { rank: 32 }, training }),
        extent: { maxTokens, maxPositions: maxTokens },
        adapters: Array.from({ length: 32 * 7 }, (_, i) => ({
          layer: Math.floor(i / 7),
          projection: i % 7,
          rank: 32,
          scale: 2,
          magnitude: false,
          origin: false,
        })),
        saved: [],
        dropout: 0,
        base: { part: 'base weights', bytes: weightBytes },
        threads: 1,
        share: { rank: 0, processes: 1, microBatches: 1, strict: false, base: false, once: false },
        available: { free: 24e9, beside: 64e9 },
      }).plan
    const plan = planned({}, 78_000)
    const lines = plan.parts.map(({ part, bytes }) => `${part.padEnd(28)}${(bytes / 1e9).toFixed(3)}`)
    console.log(
      [...lines, `total ${(plan.total / 1e9).toFixed(2)} GB, beside ${(plan.offloaded / 1e9).toFixed(2)} GB`].join('\n'),
    )
    expect(plan.total).toBeLessThan(24e9)
    expect(plan).toMatchObject({ checkpointing: true, feedForwardChunk: 4096 })
    // Inputs of 31 blocks, in bfloat16.
    expect(plan.offloaded / (31 * 78_000 * 4096 * 2)).toBeCloseTo(1, 3)
    for (const less of [{ offload: false }, { feedForwardChunk: false }] as const)
      expect(planned(less, 78_000).total, JSON.stringify(less)).toBeGreaterThan(plan.total)
    expect(planned({ offload: false }, 78_000).total).toBeGreaterThan(24e9)
    for (const optimizer of ['adamw', 'adamw8bit'] as const) {
      let longest = 78_000
      while (planned({ optimizer }, longest + 1000).total < 24e9) longest += 1000
      console.log(`${optimizer}: up to ${longest} tokens`)
    }
  })

  test.skipIf(!isEmulated)('the strict order takes no smaller micro-batches, whose sums would be others', async () => {
    const strict = { device: 'cuda', training: { deterministic: 'strict' } } as const
    vi.stubEnv('QT_EMULATED_GPU_LEFT', await takenBy(config('strict', { device: 'cuda', training: { batchSize: 1 } })))
    await expect(train(config('strict', strict))).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      message: expect.stringMatching(/no memory left|has not the memory/),
    })
    vi.stubEnv('QT_EMULATED_GPU_LEFT', undefined)
    expect(await losses(train(config('strict', strict)))).toHaveLength(4)
  })

  test.skipIf(!isEmulated)('numbers that a GPU had no memory to take are none that a run goes on from', async () => {
    const full = join(folder, 'full at the start')
    vi.stubEnv('QT_EMULATED_GPU_FULL', full)
    const prepared = await prepare(parseConfig(config('begun', { device: 'cuda' })), undefined)
    const trainer = openTrainer(prepared, alone)
    try {
      const noMemory = { name: 'OutOfMemoryError', message: expect.stringContaining('no memory left') }
      writeFileSync(full, '')
      trainer.initialise(0, { kind: 'ones', size: 1, seed: 1, stream: 0 })
      await expect(trainer.shareParameters()).rejects.toMatchObject(noMemory)
      writeFileSync(full, '')
      expect(() => trainer.write('parameters', 0, new Float32Array(64))).toThrow(expect.objectContaining(noMemory))
      trainer.initialise(0, { kind: 'ones', size: 1, seed: 1, stream: 0 })
      await trainer.shareParameters()
      expect(trainer.read('parameters', 0, 2)).toEqual(new Float32Array([1, 1]))
    } finally {
      trainer.close()
      vi.stubEnv('QT_EMULATED_GPU_FULL', undefined)
    }
  })

  test.skipIf(!isEmulated)('moving averages that a GPU has no memory to take at the end are written all the same', async () => {
    const averaged = { device: 'cuda', training: { averageDecay: 0.5 } } as const
    const numbers = ({ adapter }: Awaited<ReturnType<typeof train>>) =>
      numbersOf(join(adapter!.path, 'adapter_model.safetensors'))
    const plain = await train(config('averaged', averaged))
    const full = join(folder, 'full at the end')
    vi.stubEnv('QT_EMULATED_GPU_FULL', full)
    const run = train(config('averaged-crowded', averaged))
    // After its last step it writes a checkpoint, and only then the averages.
    for await (const event of run) if (event.type === 'step' && event.step === 4) writeFileSync(full, '')
    vi.stubEnv('QT_EMULATED_GPU_FULL', undefined)
    expect(existsSync(full)).toBe(false)
    expect(await numbers(await run)).toEqual(await numbers(plain))
  })

  test('a GPU that is not there is refused by name', async () => {
    await expect(train(config('second', { device: 'cuda:1' }))).rejects.toMatchObject({
      code: 'GPU_MISSING',
      where: { field: 'device' },
    })
  })
})

test('without the package a run on a GPU is refused with what to install', async () => {
  vi.stubEnv('QT_CUDA_LIBRARY', join(folder, 'nothing.so'))
  try {
    await expect(train(config('none', { device: 'cuda' }))).rejects.toMatchObject({ code: 'GPU_MISSING' })
  } finally {
    vi.unstubAllEnvs()
  }
})
