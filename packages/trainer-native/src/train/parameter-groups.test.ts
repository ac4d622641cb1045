import { parseConfig } from '@qt/core'
import { expect, test } from 'vitest'
import { parameterGroups } from './parameter-groups.js'

const groups = (adapter: Record<string, unknown>) =>
  parameterGroups(0.01, parseConfig({ base: 'x', data: { path: 'y' }, adapter, training: { weightDecay: 0.1 } }))

test('LoRA+ gives B sixteen times the rate, or as many as are asked for', () => {
  expect(groups({ kind: 'lora' }).lora_b.learningRate).toBe(0.01)
  expect(groups({ kind: 'lora+' }).lora_b.learningRate).toBeCloseTo(0.16, 12)
  expect(groups({ kind: 'dora', loraPlusRatio: 3 }).lora_b.learningRate).toBeCloseTo(0.03, 12)
  expect(groups({ kind: 'lora+' }).lora_a).toEqual({ learningRate: 0.01, weightDecay: 0.1 })
})

test('lengths do not decay', () => {
  expect(groups({ kind: 'dora' }).magnitude).toEqual({ learningRate: 0.01, weightDecay: 0 })
})

test('the embedding learns as fast as the rest, or as is asked for', () => {
  const config = (training: object) => parseConfig({ base: 'x', data: { path: 'y' }, training })
  expect(parameterGroups(0.01, config({})).embedding.learningRate).toBe(0.01)
  expect(parameterGroups(0.01, config({ embeddingRatio: 8 })).embedding.learningRate).toBeCloseTo(0.08, 12)
})
