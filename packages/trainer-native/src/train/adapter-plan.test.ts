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
  expect(modules[0]).toEqual({
    name: 'blk.0.attn_q.weight',
    layer: 0,
    projection: 0,
    rank: 16,
    alpha: 32,
    scale: 2,
    magnitude: false,
    origin: false,
  })
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

test('patterns give other ranks and alphas, by name or by path; a key that fits nothing is refused', async () => {
  const { modules } = await plan({
    rank: 8,
    alpha: 16,
    rankPattern: { 'layers.1.self_attn.q_proj': 2, q_proj: 4 },
    alphaPattern: { down_proj: 5 },
  })
  const of = (name: string) => modules.find((module) => module.name === name)
  expect(of('blk.0.attn_q.weight')).toMatchObject({ rank: 4, alpha: 16, scale: 4 })
  expect(of('blk.1.attn_q.weight')).toMatchObject({ rank: 2, scale: 8 })
  expect(of('blk.1.ffn_down.weight')).toMatchObject({ rank: 8, alpha: 5, scale: 5 / 8 })
  await expect(plan({ rankPattern: { j_proj: 2 } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    where: { field: 'adapter.rankPattern.j_proj' },
  })
})

test('DoRA has magnitudes everywhere; an adapter of another kind is no start for it', async () => {
  const { kind, modules } = await plan({ kind: 'dora' })
  expect([kind, modules.every(({ magnitude }) => magnitude)]).toEqual(['dora', true])
  await expect(plan({ kind: 'dora', init: fixture('lora', 'adapter_init') })).rejects.toMatchObject({
    code: 'CONFIG_CONTRADICTION',
    where: { field: 'adapter.kind' },
  })
  expect((await plan({ init: fixture('dora', 'adapter_init') })).kind).toBe('dora')
})
