import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { convert, openModel, readAdapter } from '@qt/weights'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { binding, type GpuSessionPlace, type Storage } from '../src/binding.js'
import { adapterSet } from '../src/generate/adapter-set.js'
import { load } from '../src/generate/load.js'
import { gpuPlace } from '../src/gpu.js'
import { tensorSources } from '../src/train/base.js'
import { architectureNames, batch, length, readArchitecture, writeArchitecture, writePeftAdapter } from './architectures.js'
import { emulatedGpu, isEmulated, useEmulatedGpu } from './emulated-gpu.js'
import { blockTypes, distance, withBlocks } from './random-blocks.js'
import { temporaryFolder } from './support.js'

/*
 * Generation on a GPU, whose place the emulator takes, beside the processor's, which is the oracle.
 */
vi.setConfig({ testTimeout: 120_000 }) // an emulator is no GPU
const there = emulatedGpu('generation') !== undefined
const folder = await temporaryFolder()
const tiny = fileURLToPath(new URL('../../weights/test/fixtures/tiny-llama', import.meta.url))
const { ids } = batch()

/** What a session says of a prompt, of what follows it, and of several sequences together; and its statistics. */
async function said(path: string, adapters: readonly string[], storage: Storage, gpu?: GpuSessionPlace) {
  const { Model, Session } = binding()
  const model = await openModel(path)
  const native = new Model(model.spec, tensorSources(model), storage)
  const session = new Session(native, { contextLength: 64, bf16: false, dots: false }, 2, undefined, gpu)
  try {
    const read = await Promise.all(adapters.map((adapter) => readAdapter(adapter, model.spec)))
    const set = read.length === 0 ? 0 : await session.addAdapters(adapterSet(read, adapters))
    const [first, second] = [session.addCache('float32'), session.addCache('float32')]
    const prompt = await session.append(first, set, ids.slice(0, 30), 2, true)
    await session.append(second, 0, ids.slice(40, 45), 0, true)
    const together = await session.decode(Int32Array.of(first, second), Int32Array.of(set, 0), Int32Array.of(5, 6))
    session.truncate(first, 0)
    const statistics = await session.collect(first, set, ids.slice(0, length), true, true)
    return { prompt: prompt!, together: together!, statistics: Float32Array.from(statistics!) }
  } finally {
    session.close()
  }
}

async function expectAlike(path: string, adapters: readonly string[] = [], storage: Storage = 'packed'): Promise<void> {
  const gpu = await said(path, adapters, storage, { ...gpuPlace('cuda')!, sequences: 2, cache: 'float32' })
  const here = await said(path, adapters, storage)
  expect(distance(gpu.prompt, here.prompt)).toBeLessThan(2e-5)
  expect(distance(gpu.together, here.together)).toBeLessThan(2e-5)
  expect(distance(gpu.statistics, here.statistics)).toBeLessThan(2e-5)
}

describe.skipIf(!there)('on an emulated GPU', () => {
  useEmulatedGpu()

  test.each(architectureNames)('%s, bare and with an adapter, has the logits and statistics that it has here', async (name) => {
    const fixture = await readArchitecture(name)
    const [model, adapter] = [join(folder, name), join(folder, `${name}-adapter`)]
    await writeArchitecture(model, fixture)
    await writePeftAdapter(adapter, fixture)
    await expectAlike(model)
    await expectAlike(model, [adapter])
  })

  test('so has a file of every block type, of bfloat16 and of float16, and a base in NF4', async () => {
    const { config, ...rest } = await readArchitecture('qwen2')
    const wider = { ...config, hidden_size: 256, intermediate_size: 256, num_hidden_layers: 1, layer_types: null }
    await writeArchitecture(join(folder, 'wide'), { ...rest, config: wider })
    for (const type of ['F32', 'BF16', 'F16'] as const) {
      const file = join(folder, `${type}.gguf`)
      await convert(join(folder, 'wide'), file, { type })
      await expectAlike(file)
    }
    await expectAlike(join(folder, 'F32.gguf'), [], 'nf4')
    for (const type of blockTypes)
      await expectAlike(await withBlocks(join(folder, 'F32.gguf'), type, join(folder, `${type}.gguf`)))
  })

  test('requests at the same time have the answers that they have alone and on the processor', async () => {
    const options = { contextLength: 64, precision: 'float32' } as const
    const [gpu, here] = [await load(tiny, { ...options, device: 'cuda', parallel: 3 }), await load(tiny, options)]
    try {
      const greedy = { temperature: 0, maxTokens: 12 }
      const prompts = ['the cat', 'the hat in the cat', 'sat', 'the cat and the hat sat']
      const expected = []
      for (const prompt of prompts) expected.push(await here.generate(prompt, greedy))
      expect(await Promise.all(prompts.map((prompt) => gpu.generate(prompt, greedy)))).toEqual(expected)
      const sampled = { temperature: 0.8, seed: 3, maxTokens: 12 }
      expect(await gpu.generate('the cat', sampled)).toEqual(await here.generate('the cat', sampled))
    } finally {
      await Promise.all([gpu.close(), here.close()])
    }
  })

  test('scores, questions, embeddings and statistics that are asked for together wait for room', async () => {
    const [gpu, here] = [await load(tiny, { contextLength: 64, device: 'cuda:0' }), await load(tiny, { contextLength: 64 })]
    try {
      const text = here.encode('the cat sat on the mat and the hat')
      const followed = [' sat', ' and the hat'].map((next) => here.encode(next))
      const ask = ({ scoring, embedder, statistics }: typeof gpu) =>
        Promise.all([
          // Nothing foretells the first token.
          scoring.score(text).then((logs) => logs.subarray(1)),
          scoring.score(text.subarray(2)).then((logs) => logs.subarray(1)),
          scoring.continuations!(text, followed).then((scored) => Float32Array.from(scored.flatMap(({ logs }) => [...logs]))),
          embedder.embed(['the cat', 'the hat']).then(([a, b]) => Float32Array.of(...a!, ...b!)),
          statistics.collect([text]).then(({ inputs }) => inputs.get('blk.0.ffn_down.weight')!.sums),
        ])
      const [found, expected] = [await ask(gpu), await ask(here)]
      for (const [i, values] of found.entries()) expect(distance(values, expected[i]!)).toBeLessThan(2e-5)
    } finally {
      await Promise.all([gpu.close(), here.close()])
    }
  })

  test('an answer that is taken back leaves the room for the next', async () => {
    const model = await load(tiny, { contextLength: 64, device: 'cuda', parallel: 1 })
    try {
      const control = new AbortController()
      const taken = model.generate('the cat', {
        temperature: 0,
        maxTokens: 50,
        signal: control.signal,
        onToken: () => control.abort(),
      })
      await expect(taken).rejects.toThrow('aborted')
      expect((await model.generate('the cat', { temperature: 0, maxTokens: 5 })).tokens).toBe(5)
    } finally {
      await model.close()
    }
  })

  describe('whose memory holds one context', () => {
    beforeAll(() => {
      vi.stubEnv('QT_EMULATED_GPU_FREE', String(200 << 20))
      return () => vi.stubEnv('QT_EMULATED_GPU_FREE', undefined)
    })
    // Three pages of 64 tokens.
    const options = { contextLength: 192, precision: 'float32', device: 'cuda' } as const
    const greedy = { temperature: 0, maxTokens: 80 }
    const [cat, hat] = ['the cat', 'the hat in the cat']

    test('of answers that grow past it one ends by name, and the others are what they are alone', async () => {
      const model = await load(tiny, options)
      try {
        const alone = await model.generate(cat, greedy)
        expect(alone.tokens).toBe(80)
        const [first, second] = await Promise.allSettled([model.generate(cat, greedy), model.generate(hat, greedy)])
        const [ended, went] = first.status === 'rejected' ? [first, second] : [second, first]
        expect(ended).toMatchObject({ status: 'rejected', reason: { code: 'GPU_FULL' } })
        expect(went).toEqual({ status: 'fulfilled', value: await model.generate(went === first ? cat : hat, greedy) })
        const four = [cat, hat, 'sat', 'mat'].map((prompt) => model.generate(prompt, { ...greedy, maxTokens: 8 }))
        const said = await Promise.allSettled(four)
        expect(said.filter(({ status }) => status === 'fulfilled')).toHaveLength(3)
      } finally {
        await model.close()
      }
    })

    test('what was kept of old prompts gives way to new ones', async () => {
      const model = await load(tiny, { ...options, reusePrompts: true })
      try {
        const short = { temperature: 0, maxTokens: 2 }
        const read: number[] = []
        for (const prompt of ['the cat', 'sat', 'mat', 'hat', 'and']) read.push((await model.generate(prompt, short)).tokens)
        expect(read).toEqual([2, 2, 2, 2, 2])
        expect((await model.generate('the cat', { temperature: 0, maxTokens: 150 })).tokens).toBe(150)
      } finally {
        await model.close()
      }
    })
  })

  test.skipIf(!isEmulated)(
    'an answer for which other programs left no memory ends by name, and the next is as ever',
    async () => {
      const model = await load(tiny, { contextLength: 64, device: 'cuda' })
      const full = join(folder, 'full')
      try {
        const long = 'the cat and the hat sat on the mat in the cat and the hat'
        const expected = await model.generate(long, { temperature: 0, maxTokens: 8 })
        vi.stubEnv('QT_EMULATED_GPU_FULL', full)
        await writeFile(full, '')
        await expect(model.generate(long, { temperature: 0, maxTokens: 8 })).rejects.toMatchObject({
          code: 'GPU_FULL',
          message: expect.stringContaining('no memory left'),
        })
        expect(await model.generate(long, { temperature: 0, maxTokens: 8 })).toEqual(expected)
      } finally {
        vi.stubEnv('QT_EMULATED_GPU_FULL', undefined)
        await model.close()
      }
      vi.stubEnv('QT_EMULATED_GPU_LEFT', '1000000')
      try {
        await expect(load(tiny, { contextLength: 64, device: 'cuda' })).rejects.toMatchObject({ code: 'GPU_REFUSED' })
      } finally {
        vi.stubEnv('QT_EMULATED_GPU_LEFT', undefined)
      }
    },
  )

  test('what cannot be is refused by name', async () => {
    const refused = (options: Parameters<typeof load>[1], code: string) =>
      expect(load(tiny, options)).rejects.toMatchObject({ code, where: { field: 'device' } })
    await refused({ device: 'gpu' }, 'GENERATE_OPTION')
    await refused({ device: 'cuda:1' }, 'GPU_MISSING')
    await refused({ device: 'cuda', contextLength: 30_000_000 }, 'GPU_REFUSED')
    await expect(load(tiny, { device: 'cuda', contextLength: 30_000_000 })).rejects.toMatchObject({
      kind: 'usage',
      message: expect.stringMatching(/ cannot be opened on cuda: generation takes \d+ MiB of the GPU's memory with one sequence/),
    })
  })
})
