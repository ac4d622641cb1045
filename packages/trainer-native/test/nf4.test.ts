import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  convert,
  encodeFloats,
  merge,
  openModel,
  readAdapter,
  readSafetensors,
  type SafetensorsTensor,
  toHuggingFaceName,
  writeSafetensors,
} from '@qt/weights'
import { expect, test } from 'vitest'
import { binding, type StepOptions } from '../src/binding.js'
import { adapterSet } from '../src/generate/adapter-set.js'
import { planMemory } from '../src/index.js'
import { baseTensors, bytesOfAll, tensorSources } from '../src/train/base.js'
import { batch, hashed, length, numbers, readArchitecture, writeArchitecture } from './architectures.js'
import { onAllLinear, plainStep } from './engine.js'
import { distance } from './random-blocks.js'
import { fixture, readJson, temporaryFolder } from './support.js'

/*
 * A base that bitsandbytes has quantised to NF4, with and without double quantisation, trains as the numbers do that its definition gives:
 * x = map[q]·scale, scale = float32, or table[byte]·nestedScale + offset.
 */

const map = Float32Array.of(
  -1.0,
  -0.6961928009986877,
  -0.5250730514526367,
  -0.39491748809814453,
  -0.28444138169288635,
  -0.18477343022823334,
  -0.09105003625154495,
  0.0,
  0.07958029955625534,
  0.16093020141124725,
  0.24611230194568634,
  0.33791524171829224,
  0.44070982933044434,
  0.5626170039176941,
  0.7229568362236023,
  1.0,
)
const table = Float32Array.from({ length: 256 }, (_, i) => (i - 128) / 128)
const offset = 0.0625
const folder = await temporaryFolder()
const modelType = 'qwen2'

interface Quantised {
  readonly tensors: SafetensorsTensor[]
  readonly values: Float32Array<ArrayBuffer>
}

const bytesOf = (values: Float32Array) => encodeFloats('F32', values)

/** Random codes and scales, as bitsandbytes lays them out, and what they stand for. */
function quantised(name: string, shape: readonly number[], double: boolean): Quantised {
  const count = shape[0]! * shape[1]!
  const blocks = count / 64
  const codes = Uint8Array.from(hashed(name, count / 2), (bits) => bits >>> 24)
  const scaleBytes = Uint8Array.from(hashed(`${name} scales`, blocks), (bits) => 64 + (bits >>> 25))
  const nested = Float32Array.from({ length: Math.ceil(blocks / 256) }, (_, i) => 0.1 + 0.01 * i)
  const scales = Float32Array.from(scaleBytes, (byte, i) =>
    double ? Math.fround(table[byte]! * nested[i >> 8]!) + offset : byte / 1000,
  )
  const values = Float32Array.from({ length: count }, (_, i) => {
    const byte = codes[i >> 1]!
    return map[i % 2 === 0 ? byte >> 4 : byte & 15]! * scales[i >> 6]!
  })
  const state = {
    quant_type: 'nf4',
    blocksize: 64,
    dtype: 'bfloat16',
    shape,
    ...(double ? { nested_blocksize: 256, nested_dtype: 'float32', nested_offset: offset } : {}),
  }
  const described = new TextEncoder().encode(JSON.stringify(state))
  const of = (part: string, dtype: 'U8' | 'F32', size: readonly number[], data: Uint8Array): SafetensorsTensor => ({
    name: `${name}.${part}`,
    dtype,
    shape: size,
    data,
  })
  return {
    values,
    tensors: [
      { name, dtype: 'U8', shape: [count / 2, 1], data: codes },
      of('quant_map', 'F32', [16], bytesOf(map)),
      of('quant_state.bitsandbytes__nf4', 'U8', [described.length], described),
      ...(double
        ? [
            of('absmax', 'U8', [blocks], scaleBytes),
            of('nested_absmax', 'F32', [nested.length], bytesOf(nested)),
            of('nested_quant_map', 'F32', [256], bytesOf(table)),
          ]
        : [of('absmax', 'F32', [blocks], bytesOf(scales))]),
    ],
  }
}

const quantization = {
  quant_method: 'bitsandbytes',
  load_in_4bit: true,
  bnb_4bit_quant_type: 'nf4',
  bnb_4bit_use_double_quant: true,
}

/** A folder in NF4, and one with the numbers that it stands for. */
async function folders(double: boolean): Promise<{ nf4: string; wide: string }> {
  const { config, ...rest } = await readArchitecture(modelType)
  const fixture = { ...rest, config: { ...config, intermediate_size: 128 } }
  const [nf4, wide] = [join(folder, `nf4-${double}`), join(folder, `wide-${double}`)]
  await writeArchitecture(nf4, fixture)
  await writeArchitecture(wide, fixture)
  const file = await readSafetensors(join(wide, 'model.safetensors'))
  const [packed, plain]: [SafetensorsTensor[], SafetensorsTensor[]] = [[], []]
  for (const [name, { shape }] of file.tensors) {
    if (!/_proj\.weight$/.test(name)) {
      const same: SafetensorsTensor = { name, dtype: 'F32', shape, data: await file.read(name) }
      packed.push(same)
      plain.push(same)
      continue
    }
    const { tensors, values } = quantised(name, shape, double)
    packed.push(...tensors)
    plain.push({ name, dtype: 'F32', shape, data: bytesOf(values) })
  }
  await writeSafetensors(join(nf4, 'model.safetensors'), packed)
  await writeSafetensors(join(wide, 'model.safetensors'), plain)
  await writeFile(join(nf4, 'config.json'), JSON.stringify({ ...fixture.config, quantization_config: quantization }))
  return { nf4, wide }
}

const options: StepOptions = {
  ...plainStep,
  ...{ maxTokens: 2 * length, maxPositions: length, lossChunk: 32 },
  adapters: onAllLinear(2, { rank: 4, scale: 2, magnitude: false, origin: false }),
}

async function results(path: string) {
  const { Model, Trainer } = binding()
  const model = await openModel(path)
  const native = new Model(model.spec, tensorSources(model), 'packed')
  const trainer = new Trainer(native, options, 2)
  try {
    for (const { module, role, offset: at, rows, columns } of trainer.tensors())
      trainer.write('parameters', at, numbers(`${module} ${role} lora_`, rows * columns, modelType))
    const { loss, tokens } = await trainer.forwardBackward(batch(), { weight: 1 / 64, micro: 0 })
    const gradients = trainer.tensors().map(({ offset: at, rows, columns }) => trainer.read('gradients', at, rows * columns))
    const base = { spec: model.spec, description: model.description, model, name: model.name }
    return { loss: loss / tokens, gradients, bytes: native.weightBytes, planned: bytesOfAll(baseTensors(base, 'packed')) }
  } finally {
    trainer.close()
  }
}

test.each([false, true])('NF4 trains as the numbers it stands for; double quantisation: %s', async (double) => {
  const { nf4, wide } = await folders(double)
  const [packed, plain] = [await results(nf4), await results(wide)]
  expect(Math.abs(packed.loss / plain.loss - 1)).toBeLessThan(1e-6)
  for (const [i, gradient] of packed.gradients.entries()) expect(distance(gradient, plain.gradients[i]!)).toBeLessThan(1e-5)
  expect(packed.bytes).toBeLessThan(plain.bytes / 2)
  expect(packed.planned).toBe(packed.bytes)
})

test.each([false, true])('NF4 is converted to the numbers it stands for; double quantisation: %s', async (double) => {
  const { nf4, wide } = await folders(double)
  const out = join(folder, `converted-${double}`)
  await convert(nf4, out, { type: 'F32' })
  const [found, expected] = [
    await readSafetensors(join(out, 'model.safetensors')),
    await readSafetensors(join(wide, 'model.safetensors')),
  ]
  expect([...found.tensors.keys()].sort()).toEqual([...expected.tensors.keys()].sort())
  for (const name of expected.tensors.keys()) expect(await found.read(name), name).toEqual(await expected.read(name))
})

test('an adapter merges into what bitsandbytes has quantised, and gives the logits of transformers and PEFT', async () => {
  const expected = await readJson<Expected>(fixture('nf4', 'expected.json'))
  const { Model, Session } = binding()
  for (const out of [join(folder, 'merged'), join(folder, 'merged.gguf')]) {
    const { quantisedBase } = await merge({
      base: fixture('nf4', 'quantised'),
      adapters: [{ path: fixture('nf4', 'adapter') }],
      out,
      type: 'F32',
    })
    expect(quantisedBase?.types).toEqual(['NF4'])
    const model = await openModel(out)
    const native = new Model(model.spec, tensorSources(model), 'packed')
    const session = new Session(native, { contextLength: 64, bf16: false, dots: false }, 2)
    try {
      const logits = (await session.append(session.addCache('float32'), 0, Int32Array.from(expected.ids), 1, true))!
      const size = Math.max(...expected.logits.map(Math.abs))
      expect(Math.max(...expected.logits.map((value, i) => Math.abs(value - logits[i]!))) / size, out).toBeLessThan(1e-5)
    } finally {
      session.close()
    }
  }
  expect(await readJson(join(folder, 'merged', 'config.json'))).not.toHaveProperty('quantization_config')
})

test('other ways of bitsandbytes, and broken ones of this, are refused by name', async () => {
  const { nf4 } = await folders(true)
  const config = JSON.parse(await readFile(join(nf4, 'config.json'), 'utf8'))
  await writeFile(
    join(nf4, 'config.json'),
    JSON.stringify({ ...config, quantization_config: { ...quantization, load_in_4bit: false } }),
  )
  await expect(openModel(nf4)).rejects.toMatchObject({ code: 'MODEL_UNSUPPORTED', where: { field: 'quantization_config' } })
  await writeFile(join(nf4, 'config.json'), JSON.stringify(config))
  const file = await readSafetensors(join(nf4, 'model.safetensors'))
  const rest: SafetensorsTensor[] = []
  for (const [name, { dtype, shape }] of file.tensors)
    if (!name.endsWith('nested_quant_map')) rest.push({ name, dtype, shape, data: await file.read(name) })
  await writeSafetensors(join(nf4, 'model.safetensors'), rest)
  await expect(openModel(nf4)).rejects.toThrow('nested_quant_map is not beside it')
})

interface Expected {
  readonly ids: number[]
  readonly loss: number
  readonly logits: number[]
  /** Norms, by PEFT's names. */
  readonly gradients: Readonly<Record<string, number>>
}

test.each([
  ['a folder that bitsandbytes has quantised', 'quantised', 'packed', 1e-5],
  // Means of scales are summed in another order, which moves a scale by its last bit.
  ['a float folder that is quantised as it is opened', 'float', 'nf4', 1e-4],
] as const)('%s gives the loss, logits and gradients of transformers and PEFT', async (_, which, storage, tolerance) => {
  const { Model, Trainer, Session } = binding()
  const expected = await readJson<Expected>(fixture('nf4', 'expected.json'))
  const model = await openModel(fixture('nf4', which))
  const native = new Model(model.spec, tensorSources(model), storage)
  const adapter = await readAdapter(fixture('nf4', 'adapter'), model.spec)
  const places = Array.from({ length: 7 }, (_, projection) => ({
    layer: 0,
    projection,
    rank: 2,
    scale: 2,
    magnitude: false,
    origin: false,
  }))
  const trainer = new Trainer(native, { ...options, adapters: places }, 2)
  const session = new Session(native, { contextLength: 64, bf16: false, dots: false }, 2)
  try {
    for (const { module, role, offset: at } of trainer.tensors())
      trainer.write('parameters', at, adapter.modules.get(module)![role === 'lora_a' ? 'a' : 'b'])
    const ids = Int32Array.from(expected.ids)
    const labels = Int32Array.from([...expected.ids.slice(1), -100])
    const { loss, tokens } = await trainer.forwardBackward(
      { ids, labels, borders: Int32Array.of(0, ids.length) },
      { weight: 1 / (ids.length - 1), micro: 0 },
    )
    expect(Math.abs(loss / tokens / expected.loss - 1)).toBeLessThan(tolerance)
    for (const { module, role, offset: at, rows, columns } of trainer.tensors()) {
      const path = toHuggingFaceName(model.description.architecture, module)!.replace(/\.weight$/, '')
      const name = `base_model.model.${path}.lora_${role === 'lora_a' ? 'A' : 'B'}.default.weight`
      const norm = Math.hypot(...trainer.read('gradients', at, rows * columns))
      expect(Math.abs(norm / expected.gradients[name]! - 1), name).toBeLessThan(10 * tolerance)
    }
    const adapters = await session.addAdapters(adapterSet([adapter], ['adapter']))
    const logits = (await session.append(session.addCache('float32'), adapters, ids, 1, true))!
    const size = Math.max(...expected.logits.map(Math.abs))
    expect(Math.max(...expected.logits.map((value, i) => Math.abs(value - logits[i]!))) / size).toBeLessThan(tolerance)
    expect(native.weightBytes).toBe(bytesOfAll(baseTensors({ model }, storage)))
  } finally {
    trainer.close()
    session.close()
  }
})

test('a base that is quantised already is not quantised again', async () => {
  const { nf4 } = await folders(false)
  await expect(
    planMemory({ base: nf4, quantization: 'nf4', data: { path: fixture('lora', 'rows.jsonl'), format: 'tokens' }, adapter: {} }),
  ).rejects.toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'quantization' } })
})
