import { type ModelSpec, parseConfig, QtError } from '@qt/core'
import { openModel } from '@qt/weights'
import { expect, test } from 'vitest'
import { fixture } from '../test/support.js'
import { requireSupportedModel, requireSupportedTraining } from './supported.js'

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
  ['training.optimizer', { training: { optimizer: 'muon' }, adapter: {} }, 'adamw'],
  ['adapter.kind', { adapter: { kind: 'pissa' } }, 'lora'],
  ['quantization', { quantization: 'nf4' }, 'a GGUF base'],
] as const)('%s: what is not implemented is refused by name, with what to use', (field, more, instead) => {
  const error = refusal(() => requireSupportedTraining(parseConfig({ base: 'x', data: { path: 'y' }, ...more })))
  expect(error).toMatchObject({ code: 'CONFIG_UNSUPPORTED', kind: 'usage', where: { field } })
  expect(error.message).toMatch(/is not implemented yet/)
  expect(JSON.stringify(error.actions)).toContain(instead)
})

test('models that need what the engine does not compute are refused before anything is loaded', async () => {
  const { spec } = await openModel(fixture('tiny-tied'))
  const refuse = (change: Partial<ModelSpec>) => refusal(() => requireSupportedModel({ ...spec, ...change }, 'model.gguf'))
  const error = refuse({ logitScale: 0.5 })
  expect(error).toMatchObject({ code: 'MODEL_UNSUPPORTED', where: { file: 'model.gguf' } })
  expect(error.message).toContain('scaled logits')
  requireSupportedModel({ ...spec, activation: 'gelu', attention: { ...spec.attention, windows: [null, 512] } }, 'model.gguf')
})
