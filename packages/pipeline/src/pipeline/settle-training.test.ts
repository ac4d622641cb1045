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
    data: { augment: 13, practice: { tales: 500, learn: 'all' } },
    training: { learningRate: 3.5e-4, batchSize: 2, sequenceLength: 2048 },
  })
  expect(await settleTraining(settings, large)).toMatchObject({
    adapter: { rank: 32, alpha: 64 },
    data: { augment: 5, practice: { tales: 700, learn: 'calls' } },
    training: { learningRate: 2e-3, batchSize: 1, sequenceLength: 2048 },
  })
})

test('few scenarios are varied more often, though not without end', async () => {
  const settings = await loadPipelineConfig(folder)
  const few = join(folder, 'few')
  await mkdir(few)
  await writeFile(join(few, 'one.md'), '# SYSTEM')
  const { data } = await settleTraining({ ...settings, data: { ...settings.data, scenarios: 'few' } }, baseModelPath())
  expect(data).toMatchObject({ augment: 32, practice: { perConversation: 2 } })
})

test('what is said is done', async () => {
  const settings = await loadPipelineConfig(folder)
  const { training } = parseConfig({ base: 'b', data: { path: 'd' }, training: { learningRate: 1e-5, batchSize: 3 } })
  const given = new Set(['learningRate', 'batchSize'])
  const data = { ...settings.data, augment: 2, practice: 3 }
  expect(await settleTraining({ ...settings, data, adapter: null, training, given }, large)).toMatchObject({
    adapter: null,
    data: { augment: 2, practice: { tales: 3, perConversation: null } },
    training: { learningRate: 1e-5, batchSize: 3 },
  })
})

test('tales with the tools of scenarios are none where others are declared', async () => {
  const settings = await loadPipelineConfig(folder)
  const { data } = await settleTraining({ ...settings, data: { ...settings.data, tools: 'tools.json' } }, large)
  expect(data.practice.tales).toBe(0)
})
