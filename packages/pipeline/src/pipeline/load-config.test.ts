import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadPipelineConfig } from './load-config.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-pipeline-'))
})
afterEach(() => rm(folder, { recursive: true }))

const load = async (text: string, options = {}) => {
  await writeFile(join(folder, 'pipeline.yaml'), text)
  return loadPipelineConfig(folder, options)
}

test('an empty file has every default', async () => {
  expect(await load('')).toMatchObject({
    data: { scenarios: 'scenarios', heldOut: 'held-out' },
    quantise: ['Q8_0'],
    adapter: 'auto',
    rateIsGiven: false,
    base: undefined,
    output: join(folder, 'output'),
  })
})

test('a base file is found beside pipeline.yaml, a hub id and a flag stay as they are', async () => {
  expect((await load('base: models/small.gguf')).base).toBe(join(folder, 'models/small.gguf'))
  expect((await load('base: owner/name')).base).toBe('owner/name')
  expect((await load('base: owner/name', { base: 'here.gguf' })).base).toBe('here.gguf')
})

test.each([
  ['data: {}\nquantize: [Q8_0]\n', 'PIPELINE_INVALID', 2, 'quantize'],
  ['data:\n  augment: -1\n', 'PIPELINE_INVALID', 2, 'data.augment'],
  ['quantise: [Q9_9]\n', 'PIPELINE_INVALID', 1, 'quantise.0'],
  ['training:\n  steps: 3\n  batch_size: many\n', 'CONFIG_INVALID', 3, 'training.batchSize'],
])('%j is an error with its line', async (text, code, line, field) => {
  await expect(load(text)).rejects.toMatchObject({ code, kind: 'usage', where: { line, field } })
})

test('broken YAML and a folder without pipeline.yaml are errors for people', async () => {
  await expect(load('data: [unclosed\n')).rejects.toMatchObject({ code: 'PIPELINE_INVALID', kind: 'usage' })
  await expect(loadPipelineConfig(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'PIPELINE_MISSING', kind: 'usage' })
})
