import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseEvent } from '@qt/core'
import { gpus, planMemory } from '@qt/trainer-native'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { cublasLtLibrary, cudaLibrary, emulated, gpuLibraries, ncclLibrary } from './emulated-gpu.js'
import { byVariables, type StartedProcess, until } from './job.js'
import { fixture } from './qt.js'

/*
 * Jobs whose processes compute on GPUs, each of which is an emulator here, as NVIDIA's libraries are emulated. On a machine that has a GPU
 * QT_CUDA_LIBRARY, QT_NCCL_LIBRARY and QT_CUBLASLT_LIBRARY name the real ones.
 */
const there = gpuLibraries([cudaLibrary, ncclLibrary, cublasLtLibrary], 'jobs')

// NCCL joins GPUs of which no two are the same; emulators never are.
const found = gpus()
const separate = emulated || (found.state === 'usable' && found.devices.length >= 3)
if (!separate) console.log('Jobs by NCCL are not tried: they want three GPUs.')

let folder = ''
let rows = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-gpu-job-'))
  rows = join(folder, 'rows.jsonl')
  const row = (i: number) => JSON.stringify({ input_ids: Array.from({ length: 32 }, (_, j) => 3 + ((i * 7 + j * 5) % 256)) })
  await writeFile(rows, Array.from({ length: 24 }, (_, i) => row(i)).join('\n'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const usual: Readonly<Record<string, string>> = {
  'sequence-length': '32',
  'batch-size': '1',
  precision: 'float32',
  threads: '1',
  'learning-rate': '1e-2',
  'save-every': '2',
  steps: '4',
}
const lora = { adapter: 'lora', rank: '4', dropout: '0.1' }
const gpu = { device: 'cuda' }

const trained = (output: string, more: Readonly<Record<string, string>>): string[] => {
  const flags = { base: fixture('tiny.gguf'), data: rows, output, ...usual, ...more }
  return ['train', ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])]
}

const start = (size: number, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<StartedProcess[]> =>
  byVariables(size, args, { env: () => ({ QT_CUDA_LIBRARY: cudaLibrary, ...env }) })

/** Through the memory of the processes, or by the library for GPUs, which is emulated as they are. */
const ways = {
  memory: { QT_NCCL_LIBRARY: ncclLibrary, QT_GPU_EXCHANGE: 'memory' },
  NCCL: { QT_NCCL_LIBRARY: ncclLibrary },
} as const
const said = { memory: 'through the memory of the processes', NCCL: 'from GPU to GPU by NCCL ' } as const
const expectWay = async (output: string, way: keyof typeof ways) =>
  expect(await readFile(join(output, 'run.log'), 'utf8')).toContain(`Gradients go ${said[way]}`)

async function numbers(output: string) {
  const text = await readFile(join(output, 'events.jsonl'), 'utf8')
  return text.split('\n').flatMap((line) => {
    const event = parseEvent(line)
    return event?.type === 'step' ? [{ step: event.step, loss: event.loss, gradNorm: event.gradNorm }] : []
  })
}

async function run(size: number, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<void> {
  for (const { ended } of await start(size, args, env)) {
    const { code, stderr } = await ended
    expect(code, stderr).toBe(0)
  }
}

/** Steps of AdamW are as long where a gradient is nearly nothing, whose sign may then differ. */
async function expectAlike(output: string, other: string, steps = 4) {
  const [found, expected] = [await numbers(output), await numbers(other)]
  expect(found).toHaveLength(steps)
  for (const [i, { loss, gradNorm }] of found.entries()) {
    expect(Math.abs(loss / expected[i]!.loss - 1)).toBeLessThan(1e-4)
    expect(Math.abs(gradNorm / expected[i]!.gradNorm - 1)).toBeLessThan(1e-3)
  }
}

describe.skipIf(!there).each(separate ? (['memory', 'NCCL'] as const) : (['memory'] as const))(
  'processes on GPUs, whose gradients go by %s',
  (way) => {
    const place = (name: string) => join(folder, `${way}-${name}`)

    test.each([
      ['an adapter', lora],
      ['an adapter on a base that they divide', { ...lora, 'shard-base': 'true' }],
      ['an adapter that begins with singular directions', { adapter: 'pissa', rank: '4' }],
      [
        'a whole model, 8-bit moments and a moving average',
        { optimizer: 'adamw8bit', 'average-decay': '0.9', 'learning-rate': '1e-3' },
      ],
    ] as const)('have the losses of one on the processor: %s', async (name, more) => {
      const [here, there] = [place(`cpu ${name}`), place(`gpu ${name}`)]
      await run(1, trained(here, { ...more, 'grad-accumulation': '6' }))
      await run(3, trained(there, { ...more, ...gpu, 'grad-accumulation': '2' }), ways[way])
      await expectWay(there, way)
      await expectAlike(there, here)
    })

    test('have the bytes of one where they are asked for, and then go by no library', async () => {
      const outputs: string[] = []
      for (const size of [1, 2, 3]) {
        const output = place(`strict ${size}`)
        await run(
          size,
          // What is frozen counts in no norm, and so in no step.
          trained(output, { ...lora, ...gpu, frozen: 'q_proj', deterministic: 'strict', 'grad-accumulation': String(6 / size) }),
          ways[way],
        )
        if (size > 1) await expectWay(output, 'memory')
        outputs.push(output)
      }
      const [alone, ...others] = await Promise.all(
        outputs.map(async (output) => ({
          numbers: await numbers(output),
          adapter: (await readFile(join(output, 'adapter', 'adapter_model.safetensors'))).toString('base64'),
        })),
      )
      expect(alone!.numbers).toHaveLength(4)
      for (const other of others) expect(other).toEqual(alone)
    })

    test.runIf(emulated)(
      'take smaller micro-batches alike when others take the memory of one GPU before the run begins',
      async () => {
        const planned = async (batchSize: number) =>
          await planMemory({
            base: fixture('tiny.gguf'),
            data: { path: rows, format: 'tokens' },
            adapter: { rank: 4 },
            device: 'cuda',
            training: { batchSize, sequenceLength: 32, precision: 'float32' },
          })
        vi.stubEnv('QT_CUDA_LIBRARY', cudaLibrary)
        const [whole, half] = [await planned(8), await planned(4)]
        vi.unstubAllEnvs()
        // The driver's part of the plan is taken by nobody here.
        const drivers = whole.parts.find(({ part }) => part === 'launches that repeat')?.bytes ?? 0
        const left = String(Math.floor((whole.total + half.total) / 2 - drivers))
        const more = { adapter: 'lora', rank: '4', 'batch-size': '8', ...gpu }
        const [plain, crowded] = [place('plain'), place('crowded')]
        await run(2, trained(plain, more), ways[way])
        const job = await byVariables(2, trained(crowded, more), {
          env: (rank) => ({ QT_CUDA_LIBRARY: cudaLibrary, ...ways[way], ...(rank === 1 ? { QT_EMULATED_GPU_LEFT: left } : {}) }),
        })
        for (const { ended } of job) {
          const { code, stderr } = await ended
          expect(code, stderr).toBe(0)
        }
        expect(await readFile(join(crowded, 'run.log'), 'utf8')).toMatch(
          /rank 1: the device has not the memory for this.* a micro-batch has 4 rows from now on instead of 8/,
        )
        await expectAlike(crowded, plain)
      },
    )

    test.runIf(emulated).each([
      ['alike', 2, {}],
      ['over a base that they divide', 2, { 'shard-base': 'true' }],
      ['in groups that share blocks', 4, { 'tensor-parallel': '2' }],
    ] as const)(
      'take a step anew in smaller micro-batches when others take the memory of one GPU in the middle: %s',
      async (name, size, division) => {
        const more = { adapter: 'lora', rank: '4', 'batch-size': '4', ...division, ...gpu }
        const [plain, crowded] = [place(`plain ${name}`), place(`crowded ${name}`)]
        const full = join(folder, `${way} full ${name}`)
        await run(size, trained(plain, more), ways[way])
        const job = await byVariables(size, trained(crowded, more), {
          env: (rank) => ({ QT_CUDA_LIBRARY: cudaLibrary, ...ways[way], ...(rank === 1 ? { QT_EMULATED_GPU_FULL: full } : {}) }),
        })
        // It is told before it is written, and after it comes the next batch.
        await until(async () => (await readFile(join(crowded, 'events.jsonl'), 'utf8')).includes('"checkpoint"'))
        await writeFile(full, '')
        for (const { ended } of job) {
          const { code, stderr } = await ended
          expect(code, stderr).toBe(0)
        }
        expect(await readFile(join(crowded, 'events.jsonl'), 'utf8')).toMatch(
          /"warning","message":"rank 1: the GPU failed at .* it has no memory left: a micro-batch has 2 rows from now on instead of 4/,
        )
        await expectAlike(crowded, plain)
      },
    )

    test.runIf(emulated)('end with the name of the one that has no memory for a single row', async () => {
      const full = join(folder, `${way} full of one`)
      const output = place('crowded by one')
      const job = await byVariables(2, trained(output, { ...lora, ...gpu }), {
        env: (rank) => ({ QT_CUDA_LIBRARY: cudaLibrary, ...ways[way], ...(rank === 1 ? { QT_EMULATED_GPU_FULL: full } : {}) }),
      })
      await until(async () => (await readFile(join(output, 'events.jsonl'), 'utf8')).includes('"checkpoint"'))
      await writeFile(full, '')
      const [first, second] = await Promise.all(job.map(({ ended }) => ended))
      expect([first!.code, second!.code]).toEqual([1, 1])
      expect(first!.stderr).toContain('Rank 1 of 2 failed, and so the whole job ends: rank 1: the GPU failed')
      expect(second!.stderr).toMatch(/rank 1: the GPU failed at .* no memory left/)
    })

    test('save what another number of them, on the processor, goes on with', async () => {
      const [whole, moved] = [place('whole'), place('moved')]
      // So many that it is asked to stop long before its end; most of them are then taken on the processor.
      const more = { ...lora, steps: '200', 'learning-rate': '1e-4' }
      await run(1, trained(whole, { ...more, 'grad-accumulation': '4' }))
      const job = await start(2, trained(moved, { ...more, ...gpu, 'grad-accumulation': '2' }), ways[way])
      await until(async () => (await numbers(moved)).length >= 2)
      process.kill(job[1]!.pid()!, 'SIGINT')
      expect((await Promise.all(job.map(({ ended }) => ended))).map(({ code }) => code)).toEqual([130, 130])
      await run(1, [...trained(moved, { ...more, 'grad-accumulation': '2' }), '--resume'])
      await expectAlike(moved, whole, 200)
    })

    test('end with the name of the one that died', async () => {
      const output = place('died')
      const job = await start(3, trained(output, { ...lora, ...gpu, steps: '100000' }), ways[way])
      await until(async () => (await numbers(output)).length >= 2)
      process.kill(job[1]!.pid()!, 'SIGKILL')
      for (const other of [job[0]!, job[2]!]) {
        const { code, stderr } = await other.ended
        expect([code, stderr]).toEqual([1, expect.stringContaining('Rank 1 of 3 died, and so the whole job ends')])
      }
    })
  },
)

test.skipIf(!there || !separate).each([
  ['an adapter', 2, 'NCCL', { ...lora, checkpointing: 'true', 'feed-forward-chunk': '20' }],
  ['an adapter', 4, 'NCCL', lora],
  ['an adapter', 4, 'memory', lora],
  ['DoRA', 2, 'NCCL', { ...lora, adapter: 'dora' }],
  ['a whole model', 2, 'memory', { 'learning-rate': '1e-3', 'average-decay': '0.9' }],
  ['a whole model', 4, 'NCCL', { 'learning-rate': '1e-3' }],
] as const)(
  'groups that share each block have the losses of one on the processor: %s, %d processes, by %s',
  async (name, size, way, more) => {
    const [here, shared] = [join(folder, `one ${name} ${size} ${way}`), join(folder, `shared ${name} ${size} ${way}`)]
    await run(1, trained(here, { ...more, 'grad-accumulation': '2' }))
    await run(
      size,
      trained(shared, { ...more, ...gpu, 'tensor-parallel': '2', 'grad-accumulation': String(4 / size) }),
      ways[way],
    )
    await expectWay(shared, way)
    expect(await readFile(join(shared, 'run.log'), 'utf8')).toContain(`What blocks add up goes ${said[way]}`)
    await expectAlike(shared, here)
  },
)

test.skipIf(!there || !separate)('a process that dies ends those that add up blocks with it on GPUs', async () => {
  const output = join(folder, 'died among blocks')
  const job = await start(2, trained(output, { ...lora, ...gpu, 'tensor-parallel': '2', steps: '100000' }), ways.NCCL)
  await until(async () => (await numbers(output)).length >= 2)
  process.kill(job[1]!.pid()!, 'SIGKILL')
  const { code, stderr } = await job[0]!.ended
  expect([code, stderr]).toEqual([1, expect.stringContaining('Rank 1 of 2 died, and so the whole job ends')])
})

test.skipIf(!there).each([
  ['an adapter', lora],
  ['a whole model', { 'learning-rate': '1e-3' }],
] as const)('products by cuBLASLt train as our own do: %s', async (name, more) => {
  const [own, library] = [join(folder, `own ${name}`), join(folder, `cuBLASLt ${name}`)]
  const settings = { ...more, ...gpu, precision: 'bfloat16' }
  const by = (way: string) => ({ QT_CUBLASLT_LIBRARY: cublasLtLibrary, QT_CUDA_PRODUCTS: way })
  await run(1, trained(own, settings), by('own'))
  await run(1, trained(library, settings), by('cublaslt'))
  const [expected, found] = [await numbers(own), await numbers(library)]
  expect(found).toHaveLength(4)
  // Its sums are rounded otherwise, so that not all can be the same.
  expect(found).not.toEqual(expected)
  for (const [i, { loss }] of found.entries()) expect(Math.abs(loss / expected[i]!.loss - 1)).toBeLessThan(5e-3)
})

test.skipIf(!there)('where one process has no library for GPUs, none uses it', async () => {
  const output = join(folder, 'uneven')
  const job = await byVariables(2, trained(output, { ...lora, ...gpu }), {
    env: (rank) => ({ QT_CUDA_LIBRARY: cudaLibrary, QT_NCCL_LIBRARY: rank === 0 ? ncclLibrary : join(folder, 'nothing.so') }),
  })
  for (const { ended } of job) expect((await ended).code).toBe(0)
  await expectWay(output, 'memory')
})

test.skipIf(!there)('a library that is named wrongly is told of, as gradients go another way without it', async () => {
  const output = join(folder, 'named wrongly')
  const wrong = join(folder, 'libnccl.so')
  await run(2, trained(output, { ...lora, ...gpu }), { QT_NCCL_LIBRARY: wrong })
  await expectWay(output, 'memory')
  expect(await readFile(join(output, 'run.log'), 'utf8')).toContain(`without NCCL (${wrong}: `)
})
