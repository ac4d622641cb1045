import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
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
    given: new Set(),
    base: undefined,
    device: 'cpu',
    output: join(folder, 'output'),
  })
})

test('a base file is found beside pipeline.yaml, a hub id and a flag stay as they are', async () => {
  expect((await load('base: models/small.gguf')).base).toBe(join(folder, 'models/small.gguf'))
  expect((await load('base: owner/name')).base).toBe('owner/name')
  expect((await load('base: owner/name:model.gguf')).base).toBe('owner/name:model.gguf')
  expect((await load('base: owner/name', { base: 'here.gguf' })).base).toBe('here.gguf')
})

test('a device of the file is taken, and one that is said elsewhere goes before it', async () => {
  expect((await load('device: cuda:1')).device).toBe('cuda:1')
  expect((await load('device: cuda:1', { device: 'cpu' })).device).toBe('cpu')
})

test('a base folder beside pipeline.yaml is no hub id', async () => {
  await mkdir(join(folder, 'models/SmolLM2'), { recursive: true })
  expect((await load('base: models/SmolLM2')).base).toBe(join(folder, 'models/SmolLM2'))
})

test('both spellings of a key are read, everywhere', async () => {
  const text = 'data: { held_out: mine }\nllama_cpp: false\nevaluation: { max_tokens: 7 }\ntraining: { learning_rate: 1e-4 }\n'
  expect(await load(text)).toMatchObject({
    data: { heldOut: 'mine' },
    heldOutIsGiven: true,
    llamaCpp: false,
    evaluation: { maxTokens: 7 },
    training: { learningRate: 1e-4 },
    given: new Set(['learningRate']),
  })
  await expect(load('data: {}\nllama_cpp: false\nllamaCpp: true\n')).rejects.toMatchObject({
    code: 'CONFIG_DUPLICATE_KEY',
    where: { line: 2 },
  })
})

test('file types are those of the quantiser, each once, and F16 is made in any case', async () => {
  expect((await load('quantise: [q4_k, Q4_K_M, F16, Q8_0]')).quantise).toEqual(['Q4_K_M', 'Q8_0'])
  expect((await load('quantise: [F16]')).quantise).toEqual([])
})

test.each([
  ['data: {}\nquantize: [Q8_0]\n', 'PIPELINE_INVALID', 2, 'quantize', 'Did you mean "quantise"?'],
  ['data:\n  augmnet: 3\n', 'PIPELINE_INVALID', 2, 'data.augmnet', 'Did you mean "augment"?'],
  ['data:\n  augment: -1\n', 'PIPELINE_INVALID', 2, 'data.augment', 'Too small'],
  ['llamaCpp: false\ndevice: gpu\n', 'PIPELINE_INVALID', 2, 'device', 'must be cpu, cuda or cuda:1'],
  ['data:\n  augment: many\n', 'PIPELINE_INVALID', 2, 'data.augment', 'must be auto or a number.'],
  ['adapter:\n  rnak: 8\n', 'PIPELINE_INVALID', 2, 'adapter.rnak', 'Did you mean "rank"?'],
  ['evaluation: { sampels: 2 }\n', 'PIPELINE_INVALID', 1, 'evaluation.sampels', 'Did you mean "samples"?'],
  ['quantise:\n  - Q8_0\n  - Q9_9\n', 'PIPELINE_INVALID', 3, 'quantise.1', 'there is no file type Q9_9'],
  ['quantise: [I8]\n', 'PIPELINE_INVALID', 1, 'quantise.0', 'there is no file type I8'],
  ['quantise: [IQ2_XXS]\n', 'PIPELINE_INVALID', 1, 'quantise.0', 'needs an importance matrix'],
  ['training:\n  steps: 3\n  batch_size: many\n', 'CONFIG_INVALID', 3, 'training.batchSize', 'expected number'],
])('%j is an error with its line', async (text, code, line, field, says) => {
  const error: unknown = await load(text).catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code, kind: 'usage', where: { line, field } })
  expect(JSON.stringify(error).replaceAll('\\"', '"')).toContain(says)
})

test('broken YAML and a folder without pipeline.yaml are errors for people', async () => {
  await expect(load('data: [unclosed\n')).rejects.toMatchObject({ code: 'PIPELINE_INVALID', kind: 'usage' })
  await mkdir(join(folder, 'odd/pipeline.yaml'), { recursive: true })
  await expect(loadPipelineConfig(join(folder, 'odd'))).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE', kind: 'usage' })
  await expect(loadPipelineConfig(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'PIPELINE_MISSING', kind: 'usage' })
})
