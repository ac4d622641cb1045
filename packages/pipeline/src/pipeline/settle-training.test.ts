import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { baseModelPath } from '@qt/base-model'
import { parseConfig } from '@qt/core'
import { writeSafetensors } from '@qt/weights'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadPipelineConfig } from './load-config.js'
import { settleTraining } from './settle-training.js'

let folder = ''
let large = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-settle-'))
  await (await open(join(folder, 'pipeline.yaml'), 'w')).close()
  await mkdir(join(folder, 'scenarios'))
  for (let i = 0; i < 60; i++) await writeFile(join(folder, 'scenarios', `${i}.md`), '# SYSTEM')
  large = join(folder, 'large.safetensors')
  const data = new Uint8Array(2 * 60e6)
  await writeSafetensors(large, [{ name: 'weight', dtype: 'BF16', shape: [6000, 10_000], data }])
}, 60_000)
afterAll(() => rm(folder, { recursive: true, force: true }))

test('a small base is trained whole, a large one through an adapter, each at its own rate', async () => {
  const settings = await loadPipelineConfig(folder)
  expect(await settleTraining(settings, baseModelPath())).toMatchObject({
    adapter: null,
    data: { augment: 17 },
    training: { learningRate: 3.5e-4 },
  })
  expect(await settleTraining(settings, large)).toMatchObject({
    adapter: { rank: 16, alpha: 32 },
    data: { augment: 6 },
    training: { learningRate: 4e-4 },
  })
})

test('few scenarios are varied more often, though not without end', async () => {
  const settings = await loadPipelineConfig(folder)
  const few = join(folder, 'few')
  await mkdir(few)
  await writeFile(join(few, 'one.md'), '# SYSTEM')
  const { data } = await settleTraining({ ...settings, data: { ...settings.data, scenarios: 'few' } }, baseModelPath())
  expect(data.augment).toBe(32)
})

test('what is said is done', async () => {
  const settings = await loadPipelineConfig(folder)
  const { training } = parseConfig({ base: 'b', data: { path: 'd' }, training: { learningRate: 1e-5 } })
  expect(await settleTraining({ ...settings, adapter: null, training, rateIsGiven: true }, large)).toMatchObject({
    adapter: null,
    training: { learningRate: 1e-5 },
  })
})
