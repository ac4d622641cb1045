import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { StepEvent, TrainingConfigInput } from '@qt/core'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { gpuLibraries, gpus, planMemory, train } from '../src/index.js'
import { fixture, numbersOf, temporaryFolder } from './support.js'

/*
 * The whole way of a run on a GPU, whose place the emulator takes: the same library, found and opened in the same way. ctest builds it.
 * QT_CUDA_LIBRARY takes another, on a machine that has a GPU.
 */
const emulated = fileURLToPath(new URL('../native/build/release/cuda/emulator/libqt_cuda_emulated.so', import.meta.url))
const library = process.env.QT_CUDA_LIBRARY || emulated
const there = existsSync(library)
if (!there) console.log('Runs on the emulated GPU are not tried: ctest of trainer-native has not built it.')

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

async function losses(run: ReturnType<typeof train>): Promise<number[]> {
  const steps: StepEvent[] = []
  for await (const event of run) if (event.type === 'step') steps.push(event)
  return steps.map(({ loss }) => loss)
}

describe.skipIf(!there)(library === emulated ? 'on an emulated GPU' : 'on a GPU', () => {
  beforeAll(() => {
    vi.stubEnv('QT_CUDA_LIBRARY', library)
    return () => vi.unstubAllEnvs()
  })

  test('it is found, with its memory', () => {
    const found = gpus()
    expect(found).toMatchObject({ state: 'usable', devices: [{ capability: expect.stringMatching(/^\d+\.\d$/) }] })
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

  test('a GPU that is not there, and an order of sums that GPUs do not have, are refused by name', async () => {
    await expect(train(config('second', { device: 'cuda:1' }))).rejects.toMatchObject({
      code: 'GPU_MISSING',
      where: { field: 'device' },
    })
    await expect(train(config('strict', { device: 'cuda', training: { deterministic: 'strict' } }))).rejects.toMatchObject({
      code: 'CONFIG_UNSUPPORTED',
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
