import { join } from 'node:path'
import type { StepEvent } from '@qt/core'
import { afterEach, expect, test, vi } from 'vitest'
import { binding } from '../src/binding.js'
import { train } from '../src/index.js'
import { cosineOfChanges, fixture, readJson, temporaryFolder } from './support.js'

interface Expected {
  loss: number[]
  gradNorm: number[]
}

const folder = await temporaryFolder()
afterEach(() => vi.unstubAllEnvs())

async function compare(
  name: 'lora' | 'windows' | 'dora' | 'loraplus',
  training: Record<string, unknown>,
  kernels = '',
  adapterSettings: Record<string, unknown> = {},
): Promise<void> {
  vi.stubEnv('QT_KERNELS', kernels)
  const output = join(folder, name + kernels)
  const expected = await readJson<Expected>(fixture(name, 'expected.json'))
  const run = train({
    base: fixture('tiny-untied'),
    data: { path: fixture(name, 'rows.jsonl'), format: 'tokens' },
    adapter: { init: fixture(name, 'adapter_init'), ...adapterSettings },
    training: { batchSize: 2, sequenceLength: 64, precision: 'float32', schedule: 'constant', ...training },
    output,
  })
  const steps: StepEvent[] = []
  for await (const event of run) if (event.type === 'step') steps.push(event)
  expect(steps).toHaveLength(expected.loss.length)
  for (const [i, { loss, gradNorm }] of steps.entries()) {
    expect(Math.abs(loss / expected.loss[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4)
    expect(Math.abs(gradNorm / expected.gradNorm[i]! - 1), `gradient norm of step ${i + 1}`).toBeLessThan(1e-3)
  }
  const { adapter } = await run
  expect(await cosineOfChanges(fixture(name, 'adapter_init'), adapter!.path, fixture(name, 'adapter_final'))).toBeGreaterThan(
    0.9999,
  )
}

test.each(binding().availableKernels())(
  'ten steps of LoRA with weight decay and clipping are those of PyTorch and PEFT: %s',
  (kernels) => compare('lora', { steps: 10, learningRate: 1e-2, beta2: 0.99, weightDecay: 0.1, gradClip: 1 }, kernels),
)

test('windows of uneven labels are normalised by all their tokens; rank and alpha patterns of rsLoRA are kept', () =>
  compare('windows', { steps: 6, gradAccumulation: 2, learningRate: 5e-3, gradClip: null }))

const eight = { steps: 8, learningRate: 5e-3, gradClip: null }

test.each(binding().availableKernels())('eight steps of DoRA are those of PEFT: %s', (kernels) => compare('dora', eight, kernels))

test('LoRA+ lets B learn faster', () => compare('loraplus', eight, '', { loraPlusRatio: 4 }))
