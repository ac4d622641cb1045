import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TrainingConfigInput } from '@qt/core'
import { type AdapterModule, openModel, readAdapter, writeAdapter } from '@qt/weights'
import { expect, test } from 'vitest'
import { adapterGradients, train } from '../src/index.js'
import { eventsOf, fixture, stepsIn, temporaryFolder } from './support.js'

const folder = await temporaryFolder()
const base = fixture('tiny-untied')
const final = fixture('lora', 'adapter_final')
const { spec } = await openModel(base)
const rows = join(folder, 'rows.jsonl')
await writeFile(rows, (await readFile(fixture('lora', 'rows.jsonl'), 'utf8')).trim().split('\n').slice(0, 4).join('\n'))

const config = (adapter: TrainingConfigInput['adapter'], output: string): TrainingConfigInput => ({
  base,
  data: { path: rows, format: 'tokens', validation: 0 },
  adapter,
  training: {
    ...{ steps: 2, batchSize: 4, sequenceLength: 64, precision: 'float32', schedule: 'constant' },
    ...{ learningRate: 1e-2, weightDecay: 0.1, packing: false, shuffle: false },
  },
  output: join(folder, output),
})

test.each([
  ['as they are at the end', null],
  ['as moving averages', 0.5],
] as const)(
  'frozen modules keep their numbers, whatever gradients and decay would do to them; the others learn: %s',
  async (name, averageDecay) => {
    const given = config({ init: final, frozen: ['q_proj', 'layers.1.mlp.down_proj'] }, name)
    const { adapter } = await train({ ...given, training: { ...given.training, averageDecay } })
    const [before, after] = [await readAdapter(final, spec), await readAdapter(adapter!.path, spec)]
    for (const [name, { a, b }] of after.modules) {
      const isFrozen = name.includes('attn_q') || name === 'blk.1.ffn_down.weight'
      expect([name, equal(a, before.modules.get(name)!.a), equal(b, before.modules.get(name)!.b)]).toEqual([
        name,
        isFrozen,
        isFrozen,
      ])
    }
  },
)

test('refuses to freeze what there is not, or everything', async () => {
  await expect(train(config({ frozen: ['qproj'] }, 'none'))).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    where: { field: 'adapter.frozen.qproj' },
  })
  await expect(train(config({ targets: ['q_proj'], frozen: ['q_proj'] }, 'none'))).rejects.toMatchObject({
    code: 'CONFIG_CONTRADICTION',
  })
})

test('an adapter may be frozen altogether where what it saves whole is trained', async () => {
  const { adapter } = await train(
    config({ targets: ['q_proj'], frozen: ['q_proj'], modulesToSave: ['embed_tokens'] }, 'saved-alone'),
  )
  const after = await readAdapter(adapter!.path, spec)
  for (const { b } of after.modules.values()) expect(b.every((value) => value === 0)).toBe(true)
  const steps = stepsIn(await eventsOf(join(folder, 'saved-alone')))
  expect(steps.map(({ gradNorm }) => gradNorm > 0)).toEqual([true, true])
  expect(steps[1]!.loss).toBeLessThan(steps[0]!.loss)
})

test('the gradients of an adapter say what its loss rises by when a direction grows', async () => {
  const found = await adapterGradients(config({ init: final }, 'unused'))
  expect(found.map(({ name }) => name)).toEqual([...(await readAdapter(final, spec)).modules.keys()])
  const adapter = await readAdapter(final, spec)
  const [name, k] = ['blk.1.attn_v.weight', 1]
  const { directions, path, rank, inputs, outputs } = found.find((one) => one.name === name)!
  expect(path).toBe('model.layers.1.self_attn.v_proj')
  const module = adapter.modules.get(name)!
  expect([rank, inputs * rank, outputs * rank]).toEqual([module.rank, module.a.length, module.b.length])
  /** The loss of all rows with one direction larger or smaller. */
  const lossWith = async (factor: number) => {
    const a = module.a.map((value, i) => (Math.floor(i / inputs) === k ? factor * value : value))
    const changed: AdapterModule = { ...module, a }
    const init = join(folder, `grown-${factor}`)
    await writeAdapter(init, { ...adapter, modules: new Map([...adapter.modules, [name, changed]]) }, spec)
    const run = config({ init }, `loss-${factor}`)
    await train({ ...run, training: { ...run.training, steps: 1 } })
    return stepsIn(await eventsOf(run.output!))[0]!.loss
  }
  const step = 0.05
  const slope = ((await lossWith(1 + step)) - (await lossWith(1 - step))) / (2 * step)
  expect(Math.abs(directions[k]!.worth / Math.abs(slope) - 1)).toBeLessThan(0.05)
  for (const { norm, slope: sum } of directions) expect(sum).toBeGreaterThan(norm)
})

test('the strict order of a run changes no gradient', async () => {
  const strict = config({ init: final }, 'unused')
  const training = { ...strict.training, deterministic: 'strict', batchSize: 2 } as const
  expect(await adapterGradients({ ...strict, training })).toEqual(
    await adapterGradients({ ...strict, training: { ...training, deterministic: 'repeatable' } }),
  )
})

test('a new adapter has gradients of B alone', async () => {
  for (const { directions, rank } of await adapterGradients(config({ rank: 4 }, 'unused'))) {
    expect(directions).toHaveLength(rank)
    for (const { norm, worth } of directions) expect([norm > 0, worth]).toEqual([true, 0])
  }
})

test('gains are of the matrix, whatever the scale of its adapter', async () => {
  const [usual, twice] = await Promise.all([
    adapterGradients(config({ rank: 4, alpha: 8 }, 'unused')),
    adapterGradients(config({ rank: 4, alpha: 16 }, 'unused')),
  ])
  for (const [m, { gains, directions }] of usual.entries()) {
    expect(gains).toHaveLength(4)
    expect([...gains].sort((a, b) => b - a)).toEqual(gains)
    expect(gains[3]).toBeGreaterThan(0)
    // Together they are what the directions are, in another unit.
    const [sum, squares] = [gains.reduce((a, b) => a + b, 0), directions.reduce((a, { norm }) => a + norm ** 2, 0)]
    const other = twice[m]!
    expect(other.gains.reduce((a, b) => a + b, 0) / sum).toBeCloseTo(1, 2)
    expect(other.directions.reduce((a, { norm }) => a + norm ** 2, 0) / squares).toBeCloseTo(4, 1)
  }
})

test('gains are the directions by the spread of A, and add up to the gradient of the matrix whatever the rank', async () => {
  // As a new adapter has it, B is 0: only B has a gradient, and A is known to the last number.
  const adapter = await readAdapter(final, spec)
  const init = join(folder, 'begun')
  const begun = [...adapter.modules].map(([name, module]) => [name, { ...module, b: module.b.map(() => 0) }] as const)
  await writeAdapter(init, { ...adapter, modules: new Map(begun) }, spec)
  for (const { name, rank, scale, gains, directions } of await adapterGradients(config({ init }, 'unused'))) {
    const { a } = adapter.modules.get(name)!
    const spread = a.reduce((sum, value) => sum + value ** 2, 0) / a.length
    const squares = directions.reduce((sum, { norm }) => sum + norm ** 2, 0)
    expect((sumOf(gains) * rank * spread * scale ** 2) / squares).toBeCloseTo(1, 5)
  }
  // More random directions estimate the same norm, better: each matrix about, all together well.
  const sums: number[][] = []
  for (const rank of [4, 16])
    sums.push((await adapterGradients(config({ rank, alpha: 2 * rank }, 'unused'))).map(({ gains }) => sumOf(gains)))
  const [few = [], many = []] = sums
  for (const [m, sum] of few.entries()) expect(Math.abs(Math.log(sum / many[m]!))).toBeLessThan(Math.log(2.5))
  expect(Math.abs(sumOf(few) / sumOf(many) - 1)).toBeLessThan(0.25)
})

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

const equal = (a: Float32Array, b: Float32Array): boolean => a.length === b.length && a.every((value, i) => value === b[i])
