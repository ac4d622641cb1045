import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TrainingConfigInput } from '@qt/core'
import { convert, openModel, readSafetensors } from '@qt/weights'
import { expect, test } from 'vitest'
import { load, train } from '../src/index.js'
import { eventsOf, fixture, stepsIn, temporaryFolder } from './support.js'

const folder = await temporaryFolder()
const rows = fixture('lora', 'rows.jsonl')
/** A folder with tokenizer, untied, grouped heads, Llama 3's rope. */
const withTokenizer = fileURLToPath(new URL('../../weights/test/fixtures/tiny-llama', import.meta.url))
const tokens = { path: rows, format: 'tokens' } as const
const settings = { batchSize: 2, sequenceLength: 64, precision: 'float32', schedule: 'constant', gradClip: null } as const

test('a new model learns, and its folder is read by openModel and load', async () => {
  const text = join(folder, 'text.txt')
  await writeFile(text, 'the cat and the hat sat on the mat. '.repeat(200))
  const config: TrainingConfigInput = {
    architecture: { layers: 2, dModel: 64, heads: 4, kvHeads: 2, ffn: 128 },
    tokenizer: join(withTokenizer, 'tokenizer.json'),
    data: { path: text, format: 'text', validation: 0 },
    training: { ...settings, steps: 120, batchSize: 4, learningRate: 1e-2, schedule: 'cosine', gradClip: 1 },
    output: join(folder, 'scratch'),
  }
  const { model: written, metrics } = await train(config)
  const losses = stepsIn(await eventsOf(config.output!)).map(({ loss }) => loss)
  expect(losses[0]).toBeGreaterThan(4)
  expect(metrics.loss).toBeLessThan(0.5)
  const opened = await openModel(written!.path)
  expect(opened.spec).toMatchObject({ layers: 2, dModel: 64, heads: 4, kvHeads: 2, ffn: 128, tiedEmbeddings: true })
  const model = await load(written!.path)
  try {
    expect((await model.generate('the cat and', { maxTokens: 12, temperature: 0 })).text).toContain('the hat sat on the mat')
  } finally {
    await model.close()
  }
})

test('training a whole model writes each weight where it was, from a Hugging Face folder and from GGUF', async () => {
  const gguf = join(folder, 'tiny.gguf')
  await convert(withTokenizer, gguf, { type: 'F32' })
  // A rate that changes no float32 number: what is written is what was read, or a row is in the wrong place.
  const written = async (base: string, name: string, learningRate: number) => {
    const { model } = await train({
      base,
      data: tokens,
      training: { ...settings, steps: 2, learningRate },
      output: join(folder, name),
    })
    expect((await openModel(model!.path)).spec).toEqual((await openModel(withTokenizer)).spec)
    return readSafetensors(join(model!.path, 'model.safetensors'))
  }
  const start = await readSafetensors(join(withTokenizer, 'model.safetensors'))
  for (const [name, base] of [
    ['still-folder', withTokenizer],
    ['still-gguf', gguf],
  ] as const) {
    const end = await written(base, name, 1e-30)
    expect([...end.tensors.keys()].sort()).toEqual([...start.tensors.keys()].sort())
    for (const tensor of start.tensors.keys()) expect(await wide(end, tensor), tensor).toEqual(await wide(start, tensor))
  }
  const [fromFolder, fromGguf] = [await written(withTokenizer, 'moved-folder', 1e-3), await written(gguf, 'moved-gguf', 1e-3)]
  for (const tensor of start.tensors.keys()) {
    const [a, b, before] = [await wide(fromFolder, tensor), await wide(fromGguf, tensor), await wide(start, tensor)]
    expect(a).not.toEqual(before)
    for (const [i, value] of a.entries())
      if (Math.abs(value - b[i]!) > 1e-4) expect(b[i], `${tensor}[${i}]`).toBeCloseTo(value, 4)
  }
})

type File = Awaited<ReturnType<typeof readSafetensors>>

/** A tensor of float32 or bfloat16 as float32. */
async function wide(file: File, name: string): Promise<Float32Array> {
  const bytes = await file.read(name)
  const copy = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  if (file.tensors.get(name)!.dtype === 'F32') return new Float32Array(copy)
  const bits = Uint32Array.from(new Uint16Array(copy), (half) => half << 16)
  return new Float32Array(bits.buffer)
}

test('the embedding and the output learn at a rate of their own', async () => {
  const after = async (embeddingRatio: number) => {
    const training = { ...settings, steps: 1, learningRate: 1e-3, embeddingRatio }
    const { model } = await train({
      base: withTokenizer,
      data: tokens,
      training,
      output: join(folder, `ratio-${embeddingRatio}`),
    })
    const { read } = await readSafetensors(join(model!.path, 'model.safetensors'))
    const names = ['model.embed_tokens.weight', 'lm_head.weight', 'model.layers.0.self_attn.q_proj.weight']
    return (await Promise.all(names.map(read))).map((bytes) => new Float32Array(Uint8Array.from(bytes).buffer))
  }
  const [same, faster] = [await after(1), await after(4)]
  expect(faster[2]).toEqual(same[2])
  for (const index of [0, 1]) expect(faster[index]).not.toEqual(same[index])
})

test('a weight that is no number stops training at once, with the state before it saved', async () => {
  const broken = join(folder, 'broken')
  await cp(fixture('tiny-untied'), broken, { recursive: true })
  const file = join(broken, 'model.safetensors')
  const bytes = await readFile(file)
  bytes.writeUInt16LE(0x7fc0, bytes.length - 2)
  await writeFile(file, bytes)
  const output = join(folder, 'not-a-number')
  const run = train({ base: broken, data: tokens, adapter: {}, training: { ...settings, steps: 3 }, output })
  const checkpoint = join(output, 'checkpoints', 'step-000000')
  await expect(run).rejects.toMatchObject({
    code: 'TRAINING_DIVERGED',
    message: expect.stringMatching(/step 1: the loss is not a finite number/),
    actions: expect.arrayContaining([{ label: expect.stringContaining('broken weights in the base') }]),
  })
  await expect(run).rejects.toThrow(checkpoint)
  expect((await eventsOf(output)).slice(-2)).toMatchObject([
    { type: 'anomaly', step: 1, kind: 'not-finite' },
    { type: 'end', why: 'anomaly', steps: 0 },
  ])
})

test('training that diverges keeps the last state that was good', async () => {
  const output = join(folder, 'diverged')
  const run = train({
    base: fixture('tiny-untied'),
    data: tokens,
    training: { ...settings, steps: 30, learningRate: 1e30, saveEvery: 1000 },
    output,
  })
  await expect(run).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' })
  const steps = stepsIn(await eventsOf(output)).length
  expect(steps).toBeGreaterThan(0)
  const name = `step-${String(steps).padStart(6, '0')}`
  await expect(run).rejects.toThrow(`Training stopped at step ${steps + 1}:`)
  await expect(run).rejects.toThrow(name)
  const parameters = await readSafetensors(join(output, 'checkpoints', name, 'parameters.safetensors'))
  for (const tensor of parameters.tensors.keys()) expect((await wide(parameters, tensor)).every(Number.isFinite)).toBe(true)
})

test('training stops early when validation no longer gets better, and says why', async () => {
  const output = join(folder, 'early')
  const { metrics } = await train({
    base: fixture('tiny-untied'),
    data: { ...tokens, validation: 0.3 },
    adapter: { rank: 8 },
    training: {
      ...settings,
      steps: 200,
      learningRate: 2e-2,
      validateEvery: 2,
      earlyStopping: { patience: 3, minDelta: 0 },
      seed: 3,
    },
    output,
  })
  expect(metrics.steps).toBeLessThan(200)
  const events = await eventsOf(output)
  expect(events.at(-1)).toMatchObject({ type: 'end', why: 'early-stopping', steps: metrics.steps })
  const losses = events.flatMap((event) => (event.type === 'validation' ? [event.loss] : []))
  const best = losses.indexOf(Math.min(...losses))
  expect(losses.length - 1 - best).toBe(3)
})

test('bfloat16 follows float32 closely, with and without checkpointing', async () => {
  const lossesOf = async (name: string, training: TrainingConfigInput['training']) => {
    await train({
      base: fixture('tiny-untied'),
      data: tokens,
      adapter: { rank: 4 },
      training: { ...settings, steps: 8, learningRate: 5e-3, ...training },
      output: join(folder, name),
    })
    return stepsIn(await eventsOf(join(folder, name))).map(({ loss }) => loss)
  }
  const exact = await lossesOf('exact', {})
  expect(await lossesOf('recomputed', { checkpointing: true })).toEqual(exact)
  const rounded = await lossesOf('rounded', { precision: 'bfloat16' })
  for (const [i, loss] of rounded.entries()) expect(Math.abs(loss / exact[i]! - 1)).toBeLessThan(0.01)
  expect(rounded).not.toEqual(exact)
})
