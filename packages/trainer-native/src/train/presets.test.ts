import { presets } from '@qt/core'
import { specFromConfig } from '@qt/weights'
import { expect, test } from 'vitest'
import { architectureConfig } from './presets.js'

const millions: Record<string, number> = {
  '5m': 5,
  '15m': 15,
  '30m': 30,
  '60m': 60,
  '135m': 135,
  '360m': 360,
  '500m': 500,
  '1b': 1000,
}

test.each(presets)('%s has about as many parameters as it is called', (preset) => {
  const config = architectureConfig({ preset }, millions[preset]! >= 135 ? 49152 : 16384, 512)
  const { layers, dModel, heads, kvHeads, headDim, ffn, vocabularySize } = specFromConfig(config, 'test').spec
  const block = 2 * dModel * heads * headDim + 2 * dModel * kvHeads * headDim + 3 * dModel * ffn + 2 * dModel
  const parameters = vocabularySize * dModel + layers * block + dModel
  expect(parameters / (millions[preset]! * 1e6)).toBeGreaterThan(0.8)
  expect(parameters / (millions[preset]! * 1e6)).toBeLessThan(1.25)
})

test('what is given wins over the preset; the vocabulary follows the tokenizer', () => {
  const config = architectureConfig({ preset: '5m', layers: 2, tiedEmbeddings: false }, 500, 4096)
  expect(config).toMatchObject({
    num_hidden_layers: 2,
    hidden_size: 192,
    vocab_size: 500,
    max_position_embeddings: 4096,
    tie_word_embeddings: false,
  })
})

test.each([
  [{ layers: 2 }, 'architecture.dModel'],
  [{ preset: '5m', dModel: 100 }, 'architecture.heads'],
] as const)('what is missing or does not fit is named: %o', (architecture, field) => {
  expect(() => architectureConfig(architecture, 500, 64)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', where: { field } }),
  )
})

test('a vocabulary has to come from somewhere', () => {
  expect(() => architectureConfig({ preset: '5m' }, undefined, 64)).toThrow(
    expect.objectContaining({ where: { field: 'architecture.vocab' } }),
  )
})
