import type { TensorInfo } from '@qt/core'
import { expect, test } from 'vitest'
import { fileTypeNames } from './mixture/file-types.js'
import { mixture } from './mixture/mixture.js'
import { needsImportance, requiresImportance } from './requires-importance.js'

const matrix = (name: string): TensorInfo => ({
  name: `${name}.weight`,
  type: 'F16',
  shape: [512, 512],
  file: 'model.gguf',
  offset: 0,
  bytes: 2 * 512 * 512,
})
const parts = ['attn_q', 'attn_k', 'attn_v', 'attn_output', 'ffn_gate', 'ffn_up', 'ffn_down']
const tensors = [
  matrix('token_embd'),
  ...Array.from({ length: 8 }, (_, layer) => parts.map((part) => matrix(`blk.${layer}.${part}`))).flat(),
]
const model = { architecture: 'llama', layers: 8, experts: 0, grouped: 1, is70B: false }

test.each(fileTypeNames)('%s needs importance when one of its tensors does', (fileType) => {
  const types = mixture(fileType, tensors, model)
  expect(needsImportance(fileType)).toBe([...types].some(([name, type]) => requiresImportance(name, type, fileType)))
})
