import { join } from 'node:path'
import { openModel, toHuggingFaceName } from '@qt/weights'
import { expect, test } from 'vitest'
import { binding } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { trainedName } from '../src/train/trained-name.js'
import { batchesOf } from '../src/train/windows.js'
import { readArchitecture, writeArchitecture } from './architectures.js'
import { smallStep } from './engine.js'
import { fixture, readJson, temporaryFolder } from './support.js'

interface Expected {
  readonly alpha: number
  readonly seed: number
  readonly micro: number
  readonly rows: number[][]
  readonly models: Readonly<Record<string, ExpectedModel>>
}

interface ExpectedModel {
  /** The loss without noise. */
  readonly calm: number
  readonly loss: number
  /** Of every gradient g: its norm, and Σ g[i]·cos(i). */
  readonly gradients: Readonly<Record<string, [norm: number, projection: number]>>
}

const folder = await temporaryFolder()

async function opened(name: string) {
  if (name === 'tiny-untied') return openModel(fixture(name))
  await writeArchitecture(join(folder, name), await readArchitecture(name))
  return openModel(join(folder, name))
}

// Gemma scales its embedding: what the hook sees is scaled, and so is what it adds noise to.
test.each(['tiny-untied', 'gemma2', 'gemma3'])(
  'noise on the embeddings gives the loss and the gradients that the hook of transformers gives, and none in validation: %s',
  async (name) => {
    const { alpha, seed, micro, rows, models } = await readJson<Expected>(fixture('neftune.json'))
    const { calm, loss, gradients } = models[name]!
    const model = await opened(name)
    const { Model, Trainer } = binding()
    const [batch] = batchesOf(
      rows.map((row) => ({
        ids: Int32Array.from(row),
        labels: Int32Array.from([...row.slice(1), -100]),
        documents: Int32Array.of(0, row.length),
      })),
      rows.length,
    )
    const { ids, trainable } = batch!
    const options = {
      ...smallStep,
      full: true,
      adapters: [],
      embeddingNoise: alpha,
      seed,
      maxTokens: ids.length,
      maxPositions: 64,
    }
    const trainer = new Trainer(new Model(model.spec, tensorSources(model), 'packed'), options, 2)
    try {
      const sum = await trainer.forwardBackward(batch!, { weight: 1 / trainable, micro })
      expect(Math.abs(sum.loss / trainable / loss - 1)).toBeLessThan(1e-5)
      for (const tensor of trainer.tensors()) {
        const name = toHuggingFaceName(model.description.architecture, trainedName(tensor))!
        const gradient = trainer.read('gradients', tensor.offset, tensor.rows * tensor.columns)
        const [norm, projection] = gradients[name]!
        expect(Math.abs(Math.hypot(...gradient) / norm - 1), name).toBeLessThan(1e-4)
        const found = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0)
        expect(Math.abs(found - projection), name).toBeLessThan(1e-4 * norm)
      }
      expect(Math.abs((await trainer.evaluate(batch!)).loss / trainable / calm - 1)).toBeLessThan(1e-5)
    } finally {
      trainer.close()
    }
  },
)
