import { QtError, type TrainingConfigInput } from '@qt/core'
import { expect, test } from 'vitest'
import { tinyRun } from '../../test/tiny-run.js'
import { requireMemory } from './require-memory.js'

const prepared = (more: Partial<TrainingConfigInput> = {}) =>
  tinyRun({ ...more, training: { batchSize: 8, checkpointing: false, ...more.training } })

const refusal = (action: () => void): QtError => {
  try {
    action()
  } catch (error) {
    if (QtError.isInstance(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test('what fits is not refused', async () => {
  const run = await prepared()
  const { total } = run.step.plan
  requireMemory(run, { all: total, free: total })
  // Pages of the mapped base need not be free.
  requireMemory(run, { all: total, free: total - run.step.plan.parts[0]!.bytes })
})

test('what does not fit is refused with the plan, and with settings that do fit', async () => {
  const run = await prepared()
  const free = run.planned({ checkpointing: true, batchSize: 1 }).plan.total
  const error = refusal(() => requireMemory(run, { all: free, free }))
  expect(error).toMatchObject({ code: 'MEMORY_TOO_SMALL', kind: 'usage' })
  for (const { part } of run.step.plan.parts) expect(error.message).toContain(part)
  expect(JSON.stringify(error.actions)).toContain(
    'training.checkpointing: true, training.batchSize: 1 with gradAccumulation: 8: ',
  )
})

test('a base that nothing makes small enough says how much the least takes', async () => {
  const run = await prepared()
  const error = refusal(() => requireMemory(run, { all: 1000, free: 1000 }))
  expect(JSON.stringify(error.actions)).toMatch(/Even training.checkpointing: true.*adamw8bit, quantization: nf4 takes .* MiB/)
})

test('a whole model is trained with an adapter instead, and a new one is made smaller', async () => {
  const actions = async (more: Partial<TrainingConfigInput>) => {
    const run = await prepared({ adapter: undefined, ...more })
    return JSON.stringify(refusal(() => requireMemory(run, { all: 1000, free: 1000 })).actions)
  }
  expect(await actions({})).toMatch(/adapter: \{ kind: lora \}.*a smaller or a quantised base/)
  const fresh = await actions({
    base: undefined,
    architecture: { layers: 1, dModel: 32, heads: 2, kvHeads: 2, ffn: 64, vocab: 128 },
  })
  expect(fresh).toContain('fewer layers')
  expect(fresh).not.toContain('base')
})

test('a quantised base is not to be quantised', async () => {
  const run = await prepared({ quantization: 'nf4' })
  const error = refusal(() => requireMemory(run, { all: 1000, free: 1000 }))
  expect(JSON.stringify(error.actions)).not.toContain('quantization')
})
