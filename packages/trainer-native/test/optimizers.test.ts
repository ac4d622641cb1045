import { openModel } from '@qt/weights'
import { expect, test } from 'vitest'
import { binding } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { hashed } from './architectures.js'
import { smallStep } from './engine.js'
import { fixture, readJson } from './support.js'

/* Each optimiser against PyTorch's, or bitsandbytes', on one matrix with drawn gradients. */

interface Expected {
  /** Every 16th number. */
  readonly values: number[]
  readonly change: number
}

const expected = await readJson<Readonly<Record<string, Expected>>>(fixture('optimizers.json'))

const group = { learningRate: 1e-2, weightDecay: 0.1 }

/** Relative to the change. PyTorch's Muon multiplies in bfloat16. */
const tolerances = { adamw: 1e-5, sgd: 1e-5, adafactor: 1e-5, adamw8bit: 1e-2, muon: 2e-2 } as const

test.each(Object.entries(tolerances) as [keyof typeof tolerances, number][])('%s', async (optimizer, tolerance) => {
  const { values, change } = expected[optimizer]!
  const { Model, Trainer } = binding()
  const model = await openModel(fixture('tiny-untied'))
  const options = { ...smallStep, full: true, adapters: [], optimizer }
  const trainer = new Trainer(new Model(model.spec, tensorSources(model), 'packed'), options, 2)
  try {
    const { offset, rows, columns } = trainer.tensors().find(({ module }) => module === 'blk.0.ffn_up.weight')!
    for (let step = 1; step <= 5; step++) {
      const gradient = Float32Array.from(hashed(`gradient ${step}`, rows * columns), (bits) => ((bits >>> 24) - 128) / 1024)
      trainer.write('gradients', offset, gradient)
      await trainer.update({
        groups: { weight: group, lora_a: group, lora_b: group, magnitude: group, embedding: group },
        beta1: 0.9,
        beta2: 0.99,
        epsilon: 1e-8,
        clip: 0,
        averageDecay: 0,
        step,
      })
    }
    const found = trainer.read('parameters', offset, rows * columns)
    const distance = Math.hypot(...values.map((value, i) => value - found[16 * i]!)) * 4
    expect(distance / change).toBeLessThan(tolerance)
  } finally {
    trainer.close()
  }
})
