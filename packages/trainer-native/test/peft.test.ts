import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepEvent, TrainingConfigInput } from '@qt/core'
import { type AdapterModule, merge, openModel, readAdapter } from '@qt/weights'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { binding } from '../src/binding.js'
import { adapterSet } from '../src/generate/adapter-set.js'
import { train } from '../src/index.js'
import { tensorSources } from '../src/train/base.js'
import { cosineOfChanges, fixture, numbersOf, readJson, temporaryFolder } from './support.js'

interface Expected {
  loss: number[]
  gradNorm: number[]
}

const folder = await temporaryFolder()
afterEach(() => vi.unstubAllEnvs())

type Adapter = NonNullable<TrainingConfigInput['adapter']>

/** Trains as PyTorch did, and gives the folder that comes out. */
async function trained(name: string, base: string, adapter: Adapter, more: Partial<TrainingConfigInput>): Promise<string> {
  const expected = await readJson<Expected>(fixture(name, 'expected.json'))
  const run = train({
    base: fixture(base),
    data: { path: fixture(name, 'rows.jsonl'), format: 'tokens' },
    adapter,
    ...more,
    training: { batchSize: 2, sequenceLength: 64, precision: 'float32', schedule: 'constant', ...more.training },
    output: join(folder, `${name}${process.env.QT_KERNELS ?? ''}`),
  })
  const steps: StepEvent[] = []
  for await (const event of run) if (event.type === 'step') steps.push(event)
  expect(steps).toHaveLength(expected.loss.length)
  for (const [i, { loss, gradNorm }] of steps.entries()) {
    expect(Math.abs(loss / expected.loss[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4)
    expect(Math.abs(gradNorm / expected.gradNorm[i]! - 1), `gradient norm of step ${i + 1}`).toBeLessThan(1e-3)
  }
  return (await run).adapter!.path
}

async function compare(
  name: 'lora' | 'windows' | 'dora' | 'loraplus' | 'saved' | 'tied' | 'dpo' | 'orpo',
  training: TrainingConfigInput['training'],
  kernels = '',
  adapterSettings: Adapter = {},
  more: Partial<TrainingConfigInput> = {},
): Promise<string> {
  vi.stubEnv('QT_KERNELS', kernels)
  const base = name === 'tied' ? 'tiny-tied' : 'tiny-untied'
  const path = await trained(name, base, { init: fixture(name, 'adapter_init'), ...adapterSettings }, { ...more, training })
  expect(await cosineOfChanges(fixture(name, 'adapter_init'), path, fixture(name, 'adapter_final'))).toBeGreaterThan(0.9999)
  return path
}

/** Logits of the last token of the first row under an adapter, as generation computes them. */
async function logitsUnder(name: string, base: string, path?: string): Promise<Float32Array> {
  const { Model, Session } = binding()
  const model = await openModel(base)
  const session = new Session(
    new Model(model.spec, tensorSources(model), 'packed'),
    { contextLength: 64, bf16: false, dots: false },
    2,
  )
  try {
    const adapters = path === undefined ? 0 : await session.addAdapters(adapterSet([await readAdapter(path, model.spec)], [path]))
    const [row] = (await readFile(fixture(name, 'rows.jsonl'), 'utf8')).split('\n')
    const { input_ids: ids }: { input_ids: number[] } = JSON.parse(row!)
    const cache = session.addCache('float32')
    await session.append(cache, adapters, Int32Array.from(ids.slice(0, -1)), 0, true)
    return (await session.decode(Int32Array.of(cache), Int32Array.of(adapters), Int32Array.of(ids.at(-1)!)))!
  } finally {
    session.close()
  }
}

/** What PEFT's adapter makes of the model, from its folder, from ours, and merged into either kind of file. */
async function sameLogits(name: string, base: string, ours: string): Promise<void> {
  const { logits } = await readJson<{ logits: number[] }>(fixture(name, 'expected.json'))
  const size = Math.max(...logits.map(Math.abs))
  const same = async (of: string, tolerance: number, adapter?: string) => {
    const found = await logitsUnder(name, of, adapter)
    expect(Math.max(...logits.map((value, i) => Math.abs(value - found[i]!))) / size, adapter ?? of).toBeLessThan(tolerance)
  }
  const theirs = fixture(name, 'adapter_final')
  await same(fixture(base), 1e-5, theirs)
  await same(fixture(base), 1e-3, ours)
  for (const out of [join(folder, `${name}-merged`), join(folder, `${name}-merged.gguf`)]) {
    await merge({ base: fixture(base), adapters: [{ path: theirs }], out, type: 'F32' })
    await same(out, 1e-5)
  }
}

test.each(binding().availableKernels())(
  'ten steps of LoRA with weight decay and clipping are those of PyTorch and PEFT: %s',
  async (kernels) =>
    void (await compare('lora', { steps: 10, learningRate: 1e-2, beta2: 0.99, weightDecay: 0.1, gradClip: 1 }, kernels)),
)

test('windows of uneven labels are normalised by all their tokens; rank and alpha patterns of rsLoRA are kept', async () => {
  await compare('windows', { steps: 6, gradAccumulation: 2, learningRate: 5e-3, gradClip: null })
})

const eight: TrainingConfigInput['training'] = { steps: 8, learningRate: 5e-3, gradClip: null }

test.each(binding().availableKernels())('eight steps of DoRA are those of PEFT: %s', async (kernels) =>
  sameLogits('dora', 'tiny-untied', await compare('dora', eight, kernels)),
)

test('LoRA+ lets B learn faster', async () => {
  await compare('loraplus', eight, '', { loraPlusRatio: 4 })
})

test('an embedding and an output are trained whole, as PEFT trains its modules to save', async () =>
  sameLogits('saved', 'tiny-untied', await compare('saved', eight)))

test('where the model ties them, the embedding is trained and the output stays', async () =>
  sameLogits('tied', 'tiny-tied', await compare('tied', eight)))

describe('PiSSA', () => {
  const adapter: Adapter = { kind: 'pissa', rank: 2, alpha: 4, targets: ['q_proj', 'v_proj', 'down_proj'] }

  test.each(binding().availableKernels())(
    'begins where PEFT does, takes its steps, and saves plain LoRA: %s',
    async (kernels) => {
      vi.stubEnv('QT_KERNELS', kernels)
      const path = await trained('pissa', 'tiny-untied', adapter, { training: eight })
      const { spec } = await openModel(fixture('tiny-untied'))
      const [ours, theirs] = [await readAdapter(path, spec), await readAdapter(fixture('pissa', 'adapter_final'), spec)]
      expect([ours.kind, ours.rank, ours.alpha]).toEqual(['lora', 4, 8])
      expect([...ours.modules.keys()]).toEqual([...theirs.modules.keys()])
      // Singular vectors have no sign, so what they multiply to is compared.
      for (const [name, module] of ours.modules) {
        const [a, b] = [productOf(module), productOf(theirs.modules.get(name)!)]
        const size = Math.hypot(...b)
        expect(size).toBeGreaterThan(0.01)
        expect(Math.hypot(...a.map((value, i) => value - b[i]!)) / size, name).toBeLessThan(2e-3)
      }
      await sameLogits('pissa', 'tiny-untied', path)
    },
  )

  test('changes nothing at first, is the same bytes for any number of threads, and goes on after a pause', async () => {
    const settings = (output: string, threads: number, training: TrainingConfigInput['training']): TrainingConfigInput => ({
      base: fixture('tiny-untied'),
      data: { path: fixture('pissa', 'rows.jsonl'), format: 'tokens' },
      adapter,
      threads,
      training: { batchSize: 2, sequenceLength: 64, ...eight, ...training },
      output: join(folder, output),
    })
    const bytes = async (output: string) => numbersOf(join(folder, output, 'adapter', 'adapter_model.safetensors'))
    await train(settings('one', 1, {}))
    await train(settings('seven', 7, {}))
    expect(await bytes('seven')).toEqual(await bytes('one'))
    const control = new AbortController()
    const run = train(settings('paused', 2, {}), { signal: control.signal })
    await expect(
      (async () => {
        for await (const event of run) if (event.type === 'step' && event.step === 3) control.abort()
        await run
      })(),
    ).rejects.toMatchObject({ kind: 'interrupted' })
    await train(settings('paused', 3, {}), { resume: true })
    expect(await bytes('paused')).toEqual(await bytes('one'))
  })

  test('does not begin from an adapter', async () => {
    await expect(
      train({
        base: fixture('tiny-untied'),
        data: { path: fixture('lora', 'rows.jsonl') },
        adapter: { ...adapter, init: fixture('lora', 'adapter_init') },
      }),
    ).rejects.toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'adapter.kind' } })
  })
})

/** scale · B · A */
function productOf({ a, b, rank, scale }: AdapterModule): number[] {
  const [outputs, inputs] = [b.length / rank, a.length / rank]
  return Array.from({ length: outputs * inputs }, (_, at) => {
    const [i, j] = [Math.floor(at / inputs), at % inputs]
    let sum = 0
    for (let r = 0; r < rank; r++) sum += b[i * rank + r]! * a[r * inputs + j]!
    return scale * sum
  })
}

test.each(['dpo', 'orpo'] as const)('eight steps of %s are those of TRL', async (objective) => {
  await compare(
    objective,
    { ...eight, objective, preferenceStrength: objective === 'dpo' ? 0.3 : 0.2 },
    '',
    {},
    {
      data: { path: fixture(objective, 'pairs.jsonl'), format: 'preference' },
    },
  )
})
