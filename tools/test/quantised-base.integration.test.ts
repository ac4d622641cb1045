import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantize } from '@qt/quantize'
import { train } from '@qt/trainer-native'
import { convert } from '@qt/weights'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stepsOf } from '../bench/events.js'
import { root } from '../src/root.js'
import { changeCosine } from './adapter-change.js'

const fixtures = join(root, 'packages/trainer-native/test/fixtures')
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-quantised-'))
  await convert(join(fixtures, 'tiny-untied'), join(folder, 'f32.gguf'), { type: 'F32' })
})
afterAll(() => rm(folder, { recursive: true, force: true }))

async function trainFrom(base: string, name: string) {
  const output = join(folder, name)
  const { adapter } = await train({
    base,
    data: { path: join(fixtures, 'lora/rows.jsonl'), format: 'tokens' },
    adapter: { init: join(fixtures, 'lora/adapter_init') },
    training: {
      steps: 10,
      batchSize: 2,
      sequenceLength: 64,
      precision: 'float32',
      learningRate: 1e-2,
      schedule: 'constant',
      gradClip: null,
    },
    output,
  })
  return { adapter: adapter!.path, steps: await stepsOf(output) }
}

test.each(['Q4_0', 'Q4_1', 'Q8_0'] as const)('training on a packed %s base is training on its float32 copy', async (type) => {
  const [packed, copy] = [join(folder, `${type}.gguf`), join(folder, `${type}-float32.gguf`)]
  const { bytesBefore, bytesAfter } = await quantize(join(folder, 'f32.gguf'), packed, { type })
  expect(bytesAfter).toBeLessThan(bytesBefore / 3)
  await convert(packed, copy, { type: 'F32' })
  const [ours, theirs] = [await trainFrom(packed, `${type}-packed`), await trainFrom(copy, `${type}-copy`)]
  expect(ours.steps).toHaveLength(10)
  for (const [i, { loss, gradNorm }] of ours.steps.entries()) {
    expect(Math.abs(loss / theirs.steps[i]!.loss - 1)).toBeLessThan(1e-5)
    expect(Math.abs(gradNorm / theirs.steps[i]!.gradNorm - 1)).toBeLessThan(1e-5)
  }
  expect(await changeCosine(join(fixtures, 'lora/adapter_init'), ours.adapter, theirs.adapter)).toBeGreaterThan(0.999999)
  // The rounding of the base shows: this was not the float base.
  const whole = await trainFrom(join(folder, 'f32.gguf'), `${type}-whole`)
  expect(ours.steps[0]!.loss).not.toBe(whole.steps[0]!.loss)
})
