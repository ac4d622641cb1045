import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TrainingConfigInput } from '@qt/core'
import { beforeAll, describe, expect, test } from 'vitest'
import { planMemory } from '../src/index.js'
import { cosineOfChanges, eventsOf, readJson, realFile, stepsIn, temporaryFolder } from './support.js'

const skipped = 'the parity run of SmolLM2-135M'
const parity = realFile('shared', 'parity/smollm2-lora', skipped)
const base = realFile('.models', 'SmolLM2-135M-Instruct.Q4_1.gguf', skipped)

interface Expected {
  batch: number
  seq: number
  steps: number
  lr: number
  weight_decay: number
  loss: number[]
  grad_norm: number[]
}

const run = promisify(execFile)
const command = fileURLToPath(new URL('../../cli/bin/qt.js', import.meta.url))
const library = new URL('../dist/index.js', import.meta.url).href

describe.skipIf(parity === undefined || base === undefined)('SmolLM2-135M, Q4_1, through qt train', async () => {
  const folder = await temporaryFolder()
  const output = join(folder, 'run')
  const expected = parity === undefined ? undefined : await readJson<Expected>(join(parity, 'expected.json'))
  const config = (): TrainingConfigInput => ({
    base: base!,
    data: { path: join(parity!, 'ids.jsonl'), format: 'tokens' },
    adapter: { init: join(parity!, 'adapter_init') },
    training: {
      steps: expected!.steps,
      batchSize: expected!.batch,
      sequenceLength: expected!.seq,
      precision: 'float32',
      learningRate: expected!.lr,
      schedule: 'constant',
      weightDecay: expected!.weight_decay,
      gradClip: null,
      checkpointing: false,
    },
    output,
  })
  beforeAll(async () => {
    const file = join(folder, 'config.json')
    await writeFile(file, JSON.stringify(config()))
    await run(process.execPath, [command, 'train', '--config', file])
  }, 600_000)

  test('every step is the step of PyTorch and PEFT', async () => {
    const steps = stepsIn(await eventsOf(output))
    expect(steps).toHaveLength(expected!.steps)
    for (const [i, { loss, gradNorm }] of steps.entries()) {
      expect(Math.abs(loss / expected!.loss[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      expect(Math.abs(gradNorm / expected!.grad_norm[i]! - 1), `gradient norm of step ${i + 1}`).toBeLessThan(1e-3)
    }
    const cosine = await cosineOfChanges(join(parity!, 'adapter_init'), join(output, 'adapter'), join(parity!, 'adapter_final'))
    console.log(`cosine of the adapter's change with PEFT's: ${cosine}`)
    expect(cosine).toBeGreaterThan(0.995)
  })

  test('the process takes the memory that was planned', async () => {
    const plan = await planMemory(config())
    const idle = `await import('${library}'); console.log(process.resourceUsage().maxRSS * 1024)`
    const baseline = Number((await run(process.execPath, ['--input-type=module', '-e', idle])).stdout)
    const measured = stepsIn(await eventsOf(output)).at(-1)!.memory
    const mib = (bytes: number) => Math.round(bytes / 2 ** 20)
    console.log(`planned ${mib(plan.total)} MiB, measured ${mib(measured)} MiB of which Node alone ${mib(baseline)} MiB`)
    expect(measured).toBeLessThan(plan.total * 1.05 + 64 * 2 ** 20 + baseline)
    expect(measured).toBeGreaterThan(plan.total * 0.5)
  })
})
