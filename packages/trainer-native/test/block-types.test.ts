import { join } from 'node:path'
import { type TensorType, tensorTypes } from '@qt/core'
import { convert, type GgufTensor, openModel, readGguf, writeGguf } from '@qt/weights'
import { expect, test } from 'vitest'
import { binding, type StepOptions } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { type ArchitectureFixture, batch, hashed, length, numbers, readArchitecture, writeArchitecture } from './architectures.js'
import { temporaryFolder } from './support.js'

/*
 * A base in any block type trains as its decoded numbers do: loss and gradients through the tiles of the product, which decode as they
 * go, against the same file decoded to float32 beforehand; and what generation makes of it. What blocks mean is held against gguf-py in
 * the weights package.
 */

/** Where a block has its half-precision scales; other bytes may be anything. */
const scales: Partial<Record<TensorType, readonly number[]>> = {
  Q4_0: [0],
  Q4_1: [0, 2],
  Q5_0: [0],
  Q5_1: [0, 2],
  Q8_0: [0],
  Q2_K: [80, 82],
  Q3_K: [108],
  Q4_K: [0, 2],
  Q5_K: [0, 2],
  Q6_K: [208],
  IQ4_NL: [0],
  IQ4_XS: [0],
  IQ2_XXS: [0],
  IQ2_XS: [0],
  IQ2_S: [0],
  IQ3_XXS: [0],
  IQ3_S: [0],
  IQ1_S: [0],
  TQ1_0: [52],
  TQ2_0: [64],
  Q1_0: [0],
  Q2_0: [0],
  MXFP4: [],
}

/** The largest whole number that a block's scale multiplies, so that weights come out below about 0.2. */
const largest: Partial<Record<TensorType, number>> = {
  Q8_0: 128,
  Q2_K: 45,
  Q3_K: 128,
  Q4_K: 945,
  Q5_K: 1953,
  Q6_K: 4096,
  IQ4_NL: 127,
  IQ4_XS: 4064,
  IQ2_XXS: 170,
  IQ2_XS: 170,
  IQ2_S: 170,
  IQ3_XXS: 500,
  IQ3_S: 500,
}

const folder = await temporaryFolder()
const hidden = 256

/** A half float of about 0.2/n. */
function scaleOf(n: number): number {
  const exponent = Math.max(-14, Math.floor(Math.log2(0.2 / n)))
  return (exponent + 15) << 10
}

/** Random blocks. */
function blocks(type: TensorType, name: string, count: number): Uint8Array {
  const { blockBytes } = tensorTypes[type]
  const bytes = Uint8Array.from(hashed(name, count * blockBytes), (bits) => bits >>> 24)
  const view = new DataView(bytes.buffer)
  for (let block = 0; block < count; block++) {
    for (const at of scales[type] ?? []) view.setUint16(block * blockBytes + at, scaleOf(largest[type] ?? 16), true)
    // MXFP4: an exponent of two for 32 numbers up to 6.
    if (type === 'MXFP4') bytes[block * blockBytes] = 127 - 5
  }
  return bytes
}

async function baseFile(): Promise<string> {
  const { config, ...rest } = await readArchitecture('qwen2')
  const wider = { ...config, hidden_size: hidden, intermediate_size: hidden, num_hidden_layers: 1, layer_types: null }
  const fixture: ArchitectureFixture = { ...rest, config: wider }
  await writeArchitecture(join(folder, 'base'), fixture)
  const file = join(folder, 'base.gguf')
  await convert(join(folder, 'base'), file, { type: 'F32' })
  return file
}
const base = await baseFile()

/** The base with random blocks for its matrices. */
async function withBlocks(type: TensorType): Promise<string> {
  const gguf = await readGguf(base)
  const tensors: GgufTensor[] = []
  for (const [name, info] of gguf.tensors) {
    const matrix = info.shape.length === 2
    const count = info.shape.reduce((product, size) => product * size, 1) / tensorTypes[type].blockSize
    const data = matrix ? blocks(type, name, count) : await gguf.read(name)
    tensors.push({ name, type: matrix ? type : info.type, shape: info.shape, data })
  }
  const file = join(folder, `${type}.gguf`)
  await writeGguf(file, { metadata: gguf.metadata, tensors })
  return file
}

const options: StepOptions = {
  precision: 'float32',
  checkpointing: false,
  full: false,
  maxTokens: 2 * length,
  maxPositions: length,
  lossChunk: 32,
  dropout: 0,
  labelSmoothing: 0,
  seed: 1,
  optimizer: 'adamw',
  average: false,
  embeddingNoise: 0,
  adapters: Array.from({ length: 7 }, (_, projection) => ({ layer: 0, projection, rank: 4, scale: 2, magnitude: false })),
}

/** Loss, every gradient and logits of a file, its weights as they lie or decoded. */
async function results(file: string, storage: 'packed' | 'float32') {
  const { Model, Trainer, Session } = binding()
  const model = await openModel(file)
  const native = new Model(model.spec, tensorSources(model), storage)
  const trainer = new Trainer(native, options, 2)
  const session = new Session(native, { contextLength: 64, bf16: false, dots: false }, 2)
  try {
    for (const { module, role, offset, rows, columns } of trainer.tensors())
      trainer.write('parameters', offset, numbers(`${module} ${role} lora_`, rows * columns, 'qwen2'))
    const rows = batch()
    const { loss, tokens } = await trainer.forwardBackward(rows, { weight: 1 / 64, micro: 0 })
    const gradients = trainer.tensors().map(({ offset, rows: r, columns }) => trainer.read('gradients', offset, r * columns))
    const logits = await session.append(session.addCache('float32'), 0, rows.ids.slice(0, length), 1, true)
    return { loss: loss / tokens, gradients, logits: logits! }
  } finally {
    trainer.close()
    session.close()
  }
}

const distance = (a: Float32Array, b: Float32Array): number =>
  Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0)) / Math.hypot(...b)

test.each(Object.keys(scales) as TensorType[])('%s', async (type) => {
  const file = await withBlocks(type)
  const [packed, decoded] = [await results(file, 'packed'), await results(file, 'float32')]
  expect(decoded.loss).toBeGreaterThan(1)
  expect(decoded.loss).toBeLessThan(50)
  expect(Math.abs(packed.loss / decoded.loss - 1)).toBeLessThan(1e-6)
  expect(packed.gradients.length).toBe(14)
  for (const [i, gradient] of packed.gradients.entries()) expect(distance(gradient, decoded.gradients[i]!)).toBeLessThan(1e-5)
  expect(distance(packed.logits, decoded.logits)).toBeLessThan(1e-5)
})
