import { readFile } from 'node:fs/promises'
import { architectureNamed, openModel, toHuggingFaceName } from '@qt/weights'
import { describe, expect, test } from 'vitest'
import { binding, type StepOptions } from '../src/binding.js'
import { tensorSources } from '../src/train/base.js'
import { trainedName } from '../src/train/trained-name.js'
import { plainStep } from './engine.js'
import { fixture, readJson } from './support.js'

interface Expected {
  loss: number
  gradNorm: number
  logits: number[]
  /** Of every gradient g: its norm, and Σ g[i]·cos(i). */
  gradients: Record<string, [norm: number, projection: number]>
}

const vocabulary = 128

async function batchOf(name: string) {
  const rows = (await readFile(fixture(name, 'rows.jsonl'), 'utf8')).trim().split('\n')
  const parsed: { input_ids: number[]; labels: number[] }[] = rows.map((row) => JSON.parse(row))
  return {
    ids: Int32Array.from(parsed.flatMap((row) => row.input_ids)),
    labels: Int32Array.from(parsed.flatMap((row) => [...row.labels.slice(1), -100])),
    borders: Int32Array.from([0, ...parsed.map((row, i) => (i + 1) * row.input_ids.length)]),
  }
}

const full: StepOptions = { ...plainStep, full: true, maxTokens: 96, maxPositions: 48, lossChunk: 40 }

describe.each(['tiny-tied', 'tiny-untied', 'tiny-llama3'])('%s computes what transformers computes', (name) => {
  test('loss and the gradient of every weight', async () => {
    const { [name]: expected } = await readJson<Record<string, Expected>>(fixture('gradients.json'))
    const model = await openModel(fixture(name))
    const { Model, Trainer } = binding()
    const trainer = new Trainer(new Model(model.spec, tensorSources(model), 'packed'), full, 2)
    try {
      const { ids, labels, borders } = await batchOf(name)
      const trainable = labels.filter((label) => label >= 0).length
      const sum = await trainer.forwardBackward({ ids, labels, borders }, { weight: 1 / trainable, micro: 0 })
      expect(sum.tokens).toBe(trainable)
      expect(sum.loss / trainable / expected!.loss).toBeCloseTo(1, 5)
      const seen: string[] = []
      for (const tensor of trainer.tensors()) {
        const theirs = toHuggingFaceName(architectureNamed('llama'), trainedName(tensor))!
        seen.push(theirs)
        const gradient = trainer.read('gradients', tensor.offset, tensor.rows * tensor.columns)
        const [norm, projection] = expected!.gradients[theirs]!
        expect(Math.hypot(...gradient) / norm, theirs).toBeCloseTo(1, 4)
        const found = gradient.reduce((total, value, i) => total + value * Math.cos(i), 0)
        expect(Math.abs(found - projection), theirs).toBeLessThan(1e-4 * norm)
      }
      expect(seen.sort()).toEqual(Object.keys(expected!.gradients).sort())
    } finally {
      trainer.close()
    }
  })

  test('logits through the cache of generation', async () => {
    const { [name]: expected } = await readJson<Record<string, Expected>>(fixture('gradients.json'))
    const model = await openModel(fixture(name))
    const { Model, Session } = binding()
    const session = new Session(
      new Model(model.spec, tensorSources(model), 'packed'),
      { contextLength: 64, bf16: false, dots: false },
      2,
    )
    const cache = session.addCache('float32')
    try {
      const { ids } = await batchOf(name)
      const first = ids.subarray(0, 48)
      await session.append(cache, 0, first.slice(0, 40), 1, true)
      const logits = await session.append(cache, 0, first.slice(40), 1, true)
      expect(logits).toHaveLength(vocabulary)
      for (const [i, value] of expected!.logits.entries()) expect(logits![i]).toBeCloseTo(value, 4)
    } finally {
      session.close()
    }
  })
})
