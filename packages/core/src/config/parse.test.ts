import { expect, test } from 'vitest'
import { QtError } from '../errors.js'
import { parseConfig } from './parse.js'

const least = { base: 'model.gguf', data: { path: 'rows.jsonl' } }
const failure = (input: unknown, overrides?: unknown): QtError => {
  try {
    parseConfig(input, { file: 'train.yaml', overrides })
  } catch (error) {
    if (QtError.isInstance(error)) return error
    throw error
  }
  throw new Error('expected an error')
}

test('every default is filled in', () => {
  const config = parseConfig(least)
  expect(config.training).toMatchObject({
    batchSize: 4,
    sequenceLength: 512,
    learningRate: 2e-4,
    gradClip: 1,
    schedule: 'cosine',
  })
  expect(config.baseStorage).toBe('packed')
  expect(config.adapter).toBeUndefined()
})

test('snake_case and camelCase are the same', () => {
  const snake = parseConfig({ ...least, training: { batch_size: 2, grad_accumulation: 3, learning_rate: 1e-3 } })
  expect(snake).toEqual(parseConfig({ ...least, training: { batchSize: 2, gradAccumulation: 3, learningRate: 1e-3 } }))
})

test('the older shape is read', () => {
  const config = parseConfig(
    {
      model: { name: 'phi-4', quantization: '4bit', lora_config: { r: 8, alpha: 32, dropout: 0.1 } },
      training: { batch_size: 32, learning_rate: 2e-4, num_epochs: 10, optimization_frequency: 100 },
      quantum: { workspace: 'azure-quantum', solver: 'parallel-tempering', qubo_size_limit: 1000 },
    },
    { overrides: { data: { path: 'rows.jsonl' } } },
  )
  expect(config).toMatchObject({
    base: 'phi-4',
    quantization: '4bit',
    adapter: { rank: 8, alpha: 32, dropout: 0.1 },
    training: { batchSize: 32, epochs: 10, optimizationFrequency: 100 },
    quantum: { workspace: 'azure-quantum', quboSizeLimit: 1000 },
  })
})

test('flags win over the file', () => {
  expect(
    parseConfig({ ...least, training: { steps: 5, seed: 3 } }, { overrides: { training: { steps: 9 } } }).training,
  ).toMatchObject({ steps: 9, seed: 3 })
})

test.each([
  [{ ...least, adapter: { rnak: 8 } }, 'adapter.rnak', 'Did you mean "rank"?'],
  [{ ...least, training: { lerning_rate: 1 } }, 'training.lerningRate', 'Did you mean "learningRate"?'],
  [{ ...least, data: { path: 'x', tools: [{ nmae: 'x' }] } }, 'data.tools.0.nmae', 'Did you mean "name"?'],
  [{ ...least, bsae: 'x' }, 'bsae', 'Did you mean "base"?'],
])('an unknown key names the nearest known one: %j', (input, field, action) => {
  const error = failure(input)
  expect(error).toMatchObject({ code: 'CONFIG_UNKNOWN_KEY', kind: 'usage', where: { file: 'train.yaml', field } })
  expect(error.actions[0]?.label).toBe(action)
})

test.each([
  ['no base and no architecture', { data: least.data }, 'base'],
  ['both base and architecture', { ...least, architecture: { preset: '5m' } }, 'architecture'],
  ['an adapter on nothing', { architecture: { preset: '5m' }, adapter: {}, data: least.data }, 'adapter'],
  ['steps and epochs', { ...least, training: { steps: 1, epochs: 1 } }, 'training.epochs'],
  ['a negative rank', { ...least, adapter: { rank: -1 } }, 'adapter.rank'],
  ['no data', { base: 'model.gguf' }, 'data'],
  ['nothing', null, 'data'],
])('%s is an error that names the field', (_, input, field) => {
  expect(failure(input)).toMatchObject({ code: 'CONFIG_INVALID', kind: 'usage', where: { field } })
})

test('where there are alternatives, all are named, or what is wrong with the one that was meant', () => {
  expect(failure({ ...least, training: { checkpointing: 3 } }).message).toBe(
    '"training.checkpointing" must be auto or true or false.',
  )
  expect(failure({ ...least, adapter: { targets: [] } })).toMatchObject({ where: { field: 'adapter.targets' } })
  expect(failure({ ...least, adapter: { targets: [] } }).message).toMatch(/^"adapter.targets": Too small/)
})

test('a list is no configuration, whatever the flags', () => {
  expect(() => parseConfig(['a'], { overrides: least })).toThrow('must be a mapping')
})

test('a flag for steps takes the place of epochs in the file, and the reverse', () => {
  const steps = parseConfig({ ...least, training: { epochs: 3 } }, { overrides: { training: { steps: 2 } } })
  expect([steps.training.steps, steps.training.epochs]).toEqual([2, undefined])
  const epochs = parseConfig({ ...least, training: { steps: 2 } }, { overrides: { training: { epochs: 3 } } })
  expect([epochs.training.steps, epochs.training.epochs]).toEqual([undefined, 3])
})

test('two spellings of one key are an error, not a silent choice', () => {
  expect(failure({ ...least, training: { batch_size: 1, batchSize: 2 } }).kind).toBe('usage')
})
