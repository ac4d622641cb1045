import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { stepsOf } from '../bench/events.js'
import { command, tail } from '../src/command.js'
import { root, shared } from '../src/root.js'
import { changeCosine } from './adapter-change.js'

const references = ['smollm2-lora', 'smollm2-dora-rslora'].map((name) => join(shared, 'parity', name))
const model = join(root, '.models/SmolLM2-135M-Instruct.Q4_1.gguf')
const here = references.every(existsSync) && existsSync(model)
if (!here)
  console.log('skipped: parity with PyTorch + PEFT (needs the reference run beside the checkout and the model in .models)')

const expectedSchema = z.object({
  batch: z.number(),
  seq: z.number(),
  steps: z.number(),
  lr: z.number(),
  loss: z.array(z.number()),
  grad_norm: z.array(z.number()),
})

describe.skipIf(!here).each(references)('%s: an adapter on SmolLM2-135M in float32, through qt train', (reference) => {
  let folder = ''
  let expected: z.infer<typeof expectedSchema>
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qt-parity-'))
    expected = expectedSchema.parse(JSON.parse(await readFile(join(reference, 'expected.json'), 'utf8')))
    const { batch, seq, steps, lr } = expected
    const training = {
      steps,
      batchSize: batch,
      sequenceLength: seq,
      precision: 'float32',
      learningRate: lr,
      schedule: 'constant',
    }
    const config = {
      base: model,
      data: { path: join(reference, 'ids.jsonl'), format: 'tokens' },
      adapter: { init: join(reference, 'adapter_init') },
      training: { ...training, gradClip: null, weightDecay: 0 },
      output: join(folder, 'run'),
    }
    await writeFile(join(folder, 'config.json'), JSON.stringify(config))
    const trained = await command('qt', ['train', '--config', join(folder, 'config.json')])
    expect(trained.code, tail(trained)).toBe(0)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test('every loss within 1e-4 and every gradient norm within 1e-3 of PyTorch', async () => {
    const steps = await stepsOf(join(folder, 'run'))
    expect(steps).toHaveLength(expected.steps)
    const off = (ours: number, theirs: number) => Math.abs(ours - theirs) / Math.abs(theirs)
    const losses = steps.map(({ loss }, i) => off(loss, expected.loss[i]!))
    const norms = steps.map(({ gradNorm }, i) => off(gradNorm, expected.grad_norm[i]!))
    console.log(
      `largest relative difference: loss ${Math.max(...losses).toExponential(1)}, gradient norm ${Math.max(...norms).toExponential(1)}`,
    )
    expect(Math.max(...losses)).toBeLessThan(1e-4)
    expect(Math.max(...norms)).toBeLessThan(1e-3)
  })

  test('the adapter changes as it does in PEFT: cosine at least 0.995', async () => {
    const cosine = await changeCosine(
      join(reference, 'adapter_init'),
      join(folder, 'run/adapter'),
      join(reference, 'adapter_final'),
    )
    console.log(`cosine of the changes: ${cosine.toFixed(6)}`)
    expect(cosine).toBeGreaterThanOrEqual(0.995)
  })
})
