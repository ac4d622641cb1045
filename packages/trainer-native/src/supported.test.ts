import { type ModelSpec, parseConfig, QtError } from '@qt/core'
import { type MetadataValue, openModel } from '@qt/weights'
import { expect, test } from 'vitest'
import { fixture } from '../test/support.js'
import { beyondContext, ignoredSettings, requireDividable, requireSupportedModel, requireSupportedTraining } from './supported.js'

const refusal = (action: () => void): QtError => {
  try {
    action()
  } catch (error) {
    if (QtError.isInstance(error)) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test.each([
  ['training.precision', { training: { precision: 'float16' } }, 'bfloat16 or float32'],
  ['quantization', { quantization: '8bit' }, 'nf4'],
] as const)('%s: what is not implemented is refused by name, with what to use', (field, more, instead) => {
  const error = refusal(() => requireSupportedTraining(parseConfig({ base: 'x', data: { path: 'y' }, ...more })))
  expect(error).toMatchObject({ code: 'CONFIG_UNSUPPORTED', kind: 'usage', where: { field } })
  expect(error.message).toMatch(/is not implemented yet/)
  expect(JSON.stringify(error.actions)).toContain(instead)
})

test('Muon is for whole models', () => {
  const asked = parseConfig({ base: 'x', data: { path: 'y' }, training: { optimizer: 'muon' }, adapter: {} })
  const error = refusal(() => requireSupportedTraining(asked))
  expect(error).toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'training.optimizer' } })
  expect(JSON.stringify(error.actions)).toContain('adamw')
})

test.each([
  [{ quantization: 'nf4' }, 'only an adapter'],
  [{ quantization: 'nf4', adapter: {}, baseStorage: 'float32' }, 'both NF4 and float32'],
] as const)('a base in NF4 takes an adapter and nothing else: %j', (more, message) => {
  const error = refusal(() => requireSupportedTraining(parseConfig({ base: 'x', data: { path: 'y' }, ...more })))
  expect(error).toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'quantization' } })
  expect(error.message).toContain(message)
})

test.each([
  [{ training: { offload: true } }, 'The processor works in the memory'],
  [{ device: 'cuda', training: { offload: true, checkpointing: false } }, 'blocks that are repeated'],
] as const)('off-loading is for GPUs, and for what is repeated: %j', (more, message) => {
  const error = refusal(() => requireSupportedTraining(parseConfig({ base: 'x', data: { path: 'y' }, ...more })))
  expect(error).toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'training.offload' } })
  expect(error.message).toContain(message)
})

test('models that need what the engine does not compute are refused before anything is loaded', async () => {
  const model = await openModel(fixture('tiny-tied'))
  const refuse = (change: Partial<ModelSpec>) =>
    refusal(() => requireSupportedModel({ ...model, path: 'model.gguf', spec: { ...model.spec, ...change } }))
  const error = refuse({ logitScale: 0.5 })
  expect(error).toMatchObject({ code: 'MODEL_UNSUPPORTED', where: { file: 'model.gguf' } })
  expect(error.message).toContain('scaled logits')
  const attention = { ...model.spec.attention, windows: [null, 512] }
  requireSupportedModel({ ...model, spec: { ...model.spec, activation: 'gelu', attention } })
})

test('a format of its own is refused by name, with what turns it back', async () => {
  const model = await openModel(fixture('tiny-tied'))
  const [name, tensor] = [...model.tensors][0]!
  const tensors = new Map([...model.tensors, [name, { ...tensor, type: 'OWN' as const }]])
  const metadata = new Map<string, MetadataValue>([
    ['quantize.format.name', { type: 'STRING', value: 'BYTES8' }],
    ['quantize.format.block_size', { type: 'UINT32', value: 8 }],
    ['quantize.format.block_bytes', { type: 'UINT32', value: 12 }],
  ])
  const error = refusal(() => requireSupportedModel({ ...model, tensors, metadata }))
  expect(error).toMatchObject({ code: 'TYPE_UNSUPPORTED', where: { field: name } })
  expect(error.message).toContain('BYTES8')
})

test('documents beyond the context of the base are said, and those within are not', async () => {
  const { spec } = await openModel(fixture('tiny-tied'))
  expect(beyondContext(spec.contextLength, spec)).toEqual([])
  expect(beyondContext(spec.contextLength + 1, spec)).toEqual([expect.stringContaining(`knows ${spec.contextLength} positions`)])
})

test('there is no frozen base to share out where all of it is trained', () => {
  const shared = { base: 'x', data: { path: 'y' }, training: { shardBase: true } }
  const error = refusal(() => requireSupportedTraining(parseConfig(shared)))
  expect(error).toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'training.shardBase' } })
  expect(() => requireSupportedTraining(parseConfig({ ...shared, adapter: {} }))).not.toThrow()
})

test.each(['dpo', 'orpo'] as const)('%s compares likelihoods, not what labels are smoothed to', (objective) => {
  const smoothed = (training: object) =>
    parseConfig({ base: 'x', data: { path: 'y' }, adapter: {}, training: { labelSmoothing: 0.1, ...training } })
  expect(refusal(() => requireSupportedTraining(smoothed({ objective })))).toMatchObject({
    code: 'CONFIG_CONTRADICTION',
    where: { field: 'training.labelSmoothing' },
  })
  expect(() => requireSupportedTraining(smoothed({}))).not.toThrow()
})

test('whole gradients and the strict order exclude each other', () => {
  const whole = { base: 'x', data: { path: 'y' }, training: { shardGradients: false, deterministic: 'strict' } }
  const error = refusal(() => requireSupportedTraining(parseConfig(whole)))
  expect(error).toMatchObject({ code: 'CONFIG_CONTRADICTION', where: { field: 'training.shardGradients' } })
})

test('what is shared out among processes is said to change nothing in one', async () => {
  const { spec } = await openModel(fixture('tiny-tied'))
  const config = parseConfig({
    base: 'x',
    data: { path: 'y' },
    adapter: {},
    training: { shardBase: true, shardGradients: false },
  })
  const ignored = (groups: number, given = config) => ignoredSettings(given, spec, { validated: true, groups })
  expect(ignored(1)).toEqual([expect.stringContaining('"shardBase"'), expect.stringContaining('"shardGradients"')])
  expect(ignored(2)).toEqual([])
  const together = { ...config, training: { ...config.training, tensorParallel: 2 } }
  expect(ignored(1, together)).toEqual([
    expect.stringMatching(/"shardBase".*one group/),
    expect.stringMatching(/"shardGradients".*one group/),
  ])
})

test('what processes that share each block cannot do is refused by name', () => {
  const config = (training: Readonly<Record<string, unknown>>) =>
    parseConfig({ base: 'x', data: { path: 'y' }, adapter: {}, training: { tensorParallel: 2, ...training } })
  expect(() => requireDividable(config({}))).not.toThrow()
  expect(() => requireDividable(config({ tensorParallel: 1, optimizer: 'muon' }))).not.toThrow()
  const refused: readonly (readonly [string, () => void])[] = [
    ['adafactor', () => requireDividable(config({ optimizer: 'adafactor' }))],
  ]
  for (const [what, call] of refused)
    expect(refusal(call)).toMatchObject({
      code: 'CONFIG_UNSUPPORTED',
      where: { field: 'training.tensorParallel' },
      message: expect.stringContaining(what),
    })
  expect(refusal(() => requireDividable(config({ deterministic: 'strict' })))).toMatchObject({
    code: 'CONFIG_CONTRADICTION',
    where: { field: 'training.deterministic' },
    message: expect.stringContaining('cannot have the bytes of one process'),
  })
})
