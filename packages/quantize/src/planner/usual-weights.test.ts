import type { MetadataValue } from '@qt/weights'
import { expect, it } from 'vitest'
import { usualWeights } from './usual-weights.js'

const metadata = new Map<string, MetadataValue>([
  ['general.architecture', { type: 'STRING', value: 'llama' }],
  ['llama.block_count', { type: 'UINT32', value: 30 }],
])
const weightsOf = (...names: string[]) => {
  const info = { type: 'F16', shape: [1, 32], file: '', offset: 0, bytes: 64 } as const
  return names.map(usualWeights({ metadata, tensors: new Map(names.map((name) => [name, { ...info, name }])) }))
}

it('counts the output like the layers together, which an embedding may be', () => {
  expect(weightsOf('token_embd.weight', 'blk.0.ffn_up.weight')).toEqual([45, 1])
  expect(weightsOf('token_embd.weight', 'output.weight')).toEqual([1, 45])
})

it('counts what only chooses where to look less than what is looked at', () => {
  const [query, key, value] = weightsOf('blk.7.attn_q.weight', 'blk.7.attn_k.weight', 'blk.7.attn_v.weight')
  expect(query).toBeLessThan(key!)
  expect(key).toBeLessThan(value!)
})
