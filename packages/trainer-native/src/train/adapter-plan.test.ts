import { parseConfig, type TrainingConfigInput } from '@qt/core'
import { openModel } from '@qt/weights'
import { expect, test } from 'vitest'
import { fixture } from '../../test/support.js'
import { planAdapter } from './adapter-plan.js'

const { spec } = await openModel(fixture('tiny-untied'))
const plan = (adapter: NonNullable<TrainingConfigInput['adapter']>, model = spec) =>
  planAdapter(parseConfig({ base: 'x', data: { path: 'y' }, adapter }).adapter!, model)

test('a new adapter sits on every projection, with the usual rank', async () => {
  const { rank, alpha, modules, targets, start } = await plan({})
  expect([rank, alpha, modules.length, targets.length, start]).toEqual([16, 32, 14, 7, undefined])
  expect(modules[0]).toEqual({ name: 'blk.0.attn_q.weight', layer: 0, projection: 0, rank: 16, alpha: 32, scale: 2 })
})

test('rank stabilisation divides by the root of the rank', async () => {
  expect((await plan({ rank: 16, alpha: 32, rankStabilised: true })).modules[0]!.scale).toBe(8)
})

test('targets are PEFT’s or GGUF’s names', async () => {
  const { modules, targets } = await plan({ targets: ['down_proj', 'attn_q'] })
  expect(targets).toEqual(['q_proj', 'down_proj'])
  expect(modules.map(({ name }) => name)).toEqual(
    ['attn_q', 'ffn_down', 'attn_q', 'ffn_down'].map((part, i) => `blk.${i >> 1}.${part}.weight`),
  )
  await expect(plan({ targets: ['qproj'] })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    where: { field: 'adapter.targets' },
  })
})

test('init decides rank, alpha, scaling and targets, pattern by pattern', async () => {
  const { modules, rankStabilised, targets } = await plan({ init: fixture('windows', 'adapter_init') })
  expect(rankStabilised).toBe(true)
  expect([...targets].sort()).toEqual(['down_proj', 'q_proj', 'v_proj'])
  const sizes = Object.fromEntries(modules.map(({ name, rank, alpha, scale }) => [name, [rank, alpha, scale]]))
  expect(sizes['blk.0.attn_q.weight']).toEqual([4, 8, 4])
  expect(sizes['blk.1.attn_q.weight']).toEqual([2, 8, 8 / Math.sqrt(2)])
  expect(sizes['blk.0.attn_v.weight']).toEqual([4, 16, 8])
  expect(sizes['blk.1.ffn_down.weight']).toEqual([8, 8, 8 / Math.sqrt(8)])
})

test.each([
  ['rank', { rank: 8 }],
  ['alpha', { alpha: 9 }],
  ['rankStabilised', { rankStabilised: true }],
  ['targets', { targets: ['q_proj'] }],
] satisfies [string, NonNullable<TrainingConfigInput['adapter']>][])('%s that contradicts init is refused', async (key, more) => {
  await expect(plan({ init: fixture('lora', 'adapter_init'), ...more })).rejects.toMatchObject({
    code: 'CONFIG_CONTRADICTION',
    where: { field: `adapter.${key}` },
  })
})

test('keys that say what init says are accepted', async () => {
  expect((await plan({ init: fixture('lora', 'adapter_init'), rank: 4, alpha: 8, targets: 'all-linear' })).modules).toHaveLength(
    14,
  )
})

test('targets are compared by what they select, however PEFT has listed them', async () => {
  expect(
    (await plan({ init: fixture('windows', 'adapter_init'), targets: ['down_proj', 'attn_v', 'q_proj'] })).modules,
  ).toHaveLength(6)
  await expect(plan({ init: fixture('windows', 'adapter_init'), targets: 'all-linear' })).rejects.toMatchObject({
    code: 'CONFIG_CONTRADICTION',
  })
})

test('an adapter of another base is refused with the first tensor that does not fit', async () => {
  const { spec: other } = await openModel(fixture('tiny-tied'))
  await expect(plan({ init: fixture('lora', 'adapter_init') }, other)).rejects.toThrow(/layers\.\d+\.\S*_proj|blk\.\d+\.\w+/)
})
