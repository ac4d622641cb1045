import { join } from 'node:path'
import { convert, openModel } from '@qt/weights'
import { expect, test } from 'vitest'
import { binding, type StepOptions } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { type ArchitectureFixture, batch, length, numbers, readArchitecture, writeArchitecture } from './architectures.js'
import { onAllLinear, plainStep } from './engine.js'
import { blockTypes, distance, withBlocks } from './random-blocks.js'
import { temporaryFolder } from './support.js'

/*
 * A base in any block type trains as its decoded numbers do: loss and gradients through the tiles of the product, which decode as they
 * go, against the same file decoded to float32 beforehand; and what generation makes of it. What blocks mean is held against gguf-py in
 * the weights package.
 */

const folder = await temporaryFolder()
const hidden = 256

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

const options: StepOptions = {
  ...plainStep,
  ...{ maxTokens: 2 * length, maxPositions: length, lossChunk: 32 },
  adapters: onAllLinear(1, { rank: 4, scale: 2, magnitude: false, origin: false }),
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

test.each(blockTypes)('%s', async (type) => {
  const file = await withBlocks(base, type, join(folder, `${type}.gguf`))
  const [packed, decoded] = [await results(file, 'packed'), await results(file, 'float32')]
  expect(decoded.loss).toBeGreaterThan(1)
  expect(decoded.loss).toBeLessThan(50)
  expect(Math.abs(packed.loss / decoded.loss - 1)).toBeLessThan(1e-6)
  expect(packed.gradients.length).toBe(14)
  for (const [i, gradient] of packed.gradients.entries()) expect(distance(gradient, decoded.gradients[i]!)).toBeLessThan(1e-5)
  expect(distance(packed.logits, decoded.logits)).toBeLessThan(1e-5)
})
