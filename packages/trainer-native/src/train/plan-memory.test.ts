import { readFile } from 'node:fs/promises'
import type { TrainingConfigInput } from '@qt/core'
import { openModel } from '@qt/weights'
import { expect, test } from 'vitest'
import { smallStep } from '../../test/engine.js'
import { fixture } from '../../test/support.js'
import { binding } from '../binding.js'
import { planMemory } from './train.js'

const config = (more: TrainingConfigInput['training'], adapter?: TrainingConfigInput['adapter']): TrainingConfigInput => ({
  base: fixture('tiny-untied'),
  data: { path: fixture('lora', 'rows.jsonl'), format: 'tokens' },
  ...(adapter ? { adapter } : {}),
  training: { batchSize: 4, sequenceLength: 64, precision: 'float32', ...more },
  threads: 2,
})
const part = (plan: Awaited<ReturnType<typeof planMemory>>, name: string) =>
  plan.parts.find((entry) => entry.part === name)?.bytes

test('the total is the sum of its parts, and the engine’s arena is what they explain', async () => {
  const plan = await planMemory(config({ checkpointing: false }, { rank: 4 }))
  expect(plan.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(plan.total)
  const { arena, parts } = binding().planStep((await openModel(fixture('tiny-untied'))).spec, smallStep, 2)
  expect(parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(arena)
})

test('weights take what lies in the file, and whole training four numbers for each', async () => {
  const plan = await planMemory(config({}))
  const numbers = part(plan, 'trained parameters')!
  expect(part(plan, 'gradients')).toBe(numbers)
  expect(part(plan, 'optimiser state')).toBe(2 * numbers)
  const weights = part(plan, 'base weights (mapped file)')!
  // bfloat16 in the file
  expect(weights).toBeGreaterThanOrEqual(numbers / 2)
  expect(weights).toBeLessThan((await readFile(fixture('tiny-untied', 'model.safetensors'))).length * 1.02)
})

test('recomputing activations takes less, and auto chooses it only for want of memory', async () => {
  const [kept, recomputed, automatic] = [
    await planMemory(config({ checkpointing: false }, {})),
    await planMemory(config({ checkpointing: true }, {})),
    await planMemory(config({ checkpointing: 'auto' }, {})),
  ]
  expect(recomputed.total).toBeLessThan(kept.total)
  expect(part(recomputed, 'activations kept')!).toBeLessThan(part(kept, 'activations kept')!)
  expect([kept.checkpointing, recomputed.checkpointing]).toEqual([false, true])
  expect(automatic).toEqual(kept)
})

test('a feed-forward in chunks takes less, whether the rest is kept or recomputed', async () => {
  for (const checkpointing of [false, true]) {
    const [whole, chunked, larger] = [
      await planMemory(config({ checkpointing, feedForwardChunk: false }, {})),
      await planMemory(config({ checkpointing, feedForwardChunk: 32 }, {})),
      await planMemory(config({ checkpointing, feedForwardChunk: 100_000 }, {})),
    ]
    expect(chunked.total).toBeLessThan(whole.total)
    expect(part(chunked, 'feed-forward of a chunk')).toBeGreaterThan(0)
    expect(larger.parts).toEqual(whole.parts)
  }
})

test('bfloat16 keeps activations in half the memory', async () => {
  const [exact, rounded] = [
    await planMemory(config({ checkpointing: false }, {})),
    await planMemory(config({ checkpointing: false, precision: 'bfloat16' }, {})),
  ]
  expect(part(rounded, 'activations kept')! / part(exact, 'activations kept')!).toBeCloseTo(0.5, 1)
})
