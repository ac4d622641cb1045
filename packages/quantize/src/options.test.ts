import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import {
  encodeFloats,
  type MetadataValue,
  metadataNumber,
  metadataNumbers,
  readGguf,
  readWholeGguf,
  writeGguf,
} from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { binding } from './binding.js'
import type { Importance } from './importance/importance.js'
import { planQuantization } from './plan.js'
import { quantize } from './quantize.js'
import { quantizeTensor } from './quantize-tensor.js'

// On a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const engines = binding() instanceof Error ? (['reference'] as const) : (['native', 'reference'] as const)

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-options-'))
})
afterEach(() => rm(folder, { recursive: true }))

const numbers = (count: number, purpose: number) =>
  Float32Array.from({ length: count }, (_, i) => uniform(purpose, 'sample', 0, i) - 0.5)

/** Three layers; experts of two matrices with 17 rows, so that groups of rows cross the border between them. */
const tensors = [0, 1, 2].flatMap((layer) => [
  { name: `blk.${layer}.attn_norm.weight`, shape: [512] },
  { name: `blk.${layer}.attn_q.weight`, shape: [33, 512] },
  { name: `blk.${layer}.ffn_down_exps.weight`, shape: [2, 17, 512] },
])
const valuesOf = (i: number) =>
  numbers(
    tensors[i]!.shape.reduce((a, b) => a * b, 1),
    i + 1,
  )

async function write(path: string, chosen: readonly number[], extra: readonly [string, MetadataValue][] = []): Promise<string> {
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'STRING', value: 'llama' }],
    ['llama.block_count', { type: 'UINT32', value: 3 }],
    ['llama.attention.head_count_kv', { type: 'ARRAY', of: 'INT32', value: [1, 2, 3] }],
    ...extra,
  ])
  const content = chosen.map((i) => ({ ...tensors[i]!, type: 'F32' as const, data: encodeFloats('F32', valuesOf(i)) }))
  await writeGguf(path, { metadata, tensors: content })
  return path
}
const model = () => write(join(folder, 'model.gguf'), [...tensors.keys()])

const weights = (count: number) => numbers(count, 99).map((value) => value + 0.5)
const importance: Importance = {
  entries: new Map([
    ['blk.0.attn_q.weight', { sums: weights(512), counts: Float32Array.of(1) }],
    ['blk.2.ffn_down_exps.weight', { sums: weights(1024), counts: Float32Array.of(1, 1) }],
  ]),
  datasets: [],
  chunks: 1,
  chunkSize: 512,
}

describe.each(engines)('quantize, %s', (engine) => {
  it.each(['Q4_K_S', 'Q6_K', 'Q3_K_S', 'Q4_0', 'Q5_1'])(
    'weighs errors by importance, each matrix by its own: %s',
    async (type) => {
      const output = join(folder, 'out.gguf')
      const { tensors: planned } = await quantize(await model(), output, {
        type,
        pure: true,
        importance,
        engine,
        threads: 2,
        sync: false,
      })
      const to = planned.find(({ name }) => name === 'blk.0.attn_q.weight')!.to
      const gguf = await readGguf(output)
      const [attention, experts] = [valuesOf(1), valuesOf(8)]
      expect(await gguf.read('blk.0.attn_q.weight')).toEqual(quantizeTensor(attention, 512, to, weights(512)))
      const matrices = [0, 1].map((m) =>
        quantizeTensor(
          experts.subarray(m * 17 * 512, (m + 1) * 17 * 512),
          512,
          to,
          weights(1024).subarray(m * 512, (m + 1) * 512),
        ),
      )
      expect(await gguf.read('blk.2.ffn_down_exps.weight')).toEqual(Uint8Array.from(matrices.flatMap((bytes) => [...bytes])))
      // No importance is known for this one.
      expect(await gguf.read('blk.1.attn_q.weight')).toEqual(quantizeTensor(valuesOf(4), 512, to))
    },
  )

  it('leaves out layers and renumbers the others, in names, counts and lists', async () => {
    const output = join(folder, 'out.gguf')
    await quantize(await model(), output, { type: 'Q4_0', pure: true, pruneLayers: [1], importance, engine, sync: false })
    const { tensors: left, metadata, read } = await readGguf(output)
    expect([...left.keys()]).toEqual([0, 1, 2, 3, 4, 5].map((i) => tensors[i]!.name))
    expect(metadataNumber(metadata, 'llama.block_count')).toBe(2)
    expect(metadataNumbers(metadata, 'llama.attention.head_count_kv')).toEqual([1, 3])
    // The importance of layer 2 went with it to its new number.
    const [first] = [quantizeTensor(valuesOf(8).subarray(0, 512), 512, 'Q4_0', weights(1024).subarray(0, 512))]
    expect((await read('blk.1.ffn_down_exps.weight')).subarray(0, first.length)).toEqual(first)
  })

  it('joins a split model, or keeps it split', async () => {
    const split = (no: number): [string, MetadataValue][] => [
      ['split.no', { type: 'UINT16', value: no }],
      ['split.count', { type: 'UINT16', value: 2 }],
      ['split.tensors.count', { type: 'INT32', value: 9 }],
    ]
    const first = await write(join(folder, 'in-00001-of-00002.gguf'), [0, 1, 2, 3], split(0))
    await write(join(folder, 'in-00002-of-00002.gguf'), [4, 5, 6, 7, 8], split(1))
    const [joined, whole] = [join(folder, 'joined.gguf'), join(folder, 'whole.gguf')]
    await quantize(first, joined, { type: 'Q8_0', engine, sync: false })
    await quantize(await model(), whole, { type: 'Q8_0', engine, sync: false })
    const expected = await readGguf(whole)
    expect([...(await readGguf(joined)).metadata.keys()]).not.toContain('split.count')
    const { outputs } = await quantize(first, join(folder, 'kept.gguf'), { type: 'Q8_0', keepSplit: true, engine, sync: false })
    expect(outputs.map((path) => path.slice(folder.length + 1))).toEqual(['kept-00001-of-00002.gguf', 'kept-00002-of-00002.gguf'])
    for (const gguf of [await readGguf(joined), await readWholeGguf(outputs[0]!)]) {
      expect(gguf.tensors.size).toBe(9)
      for (const name of gguf.tensors.keys()) expect(await gguf.read(name)).toEqual(await expected.read(name))
    }
    expect(metadataNumber((await readGguf(outputs[1]!)).metadata, 'split.no')).toBe(1)
    const inputs = (await readdir(folder)).filter((name) => name.startsWith('in-'))
    await expect(quantize(first, join(folder, 'in.gguf'), { type: 'Q8_0', keepSplit: true, engine })).rejects.toMatchObject({
      code: 'OUTPUT_IS_INPUT',
    })
    expect((await readdir(folder)).filter((name) => name.startsWith('in-'))).toEqual(inputs)
  })
})

describe('planQuantization', () => {
  it('refuses importance of another size, and lowest types without importance', async () => {
    const input = await model()
    const wrong = new Map([['blk.0.attn_q.weight', { sums: weights(256), counts: Float32Array.of(1) }]])
    await expect(planQuantization(input, { type: 'Q4_0', importance: { ...importance, entries: wrong } })).rejects.toMatchObject({
      code: 'QUANT_IMPORTANCE',
      where: { field: 'blk.0.attn_q.weight' },
    })
    await expect(planQuantization(input, { type: 'Q2_K_S' })).rejects.toMatchObject({ code: 'QUANT_IMPORTANCE_MISSING' })
    const selected = planQuantization(input, {
      type: 'Q4_0',
      importance: { ...importance, entries: wrong },
      excludeWeights: ['attn_q'],
    })
    expect((await selected).type).toBe('Q4_0')
  })

  it('takes the types of a planner', async () => {
    const types = new Map([
      ['blk.0.attn_q.weight', 'Q6_K' as const],
      ['blk.1.attn_q.weight', 'Q3_K' as const],
      ['blk.2.attn_q.weight', 'Q3_K' as const],
    ])
    const plan = await planQuantization(await model(), { types })
    expect(plan.type).toBe('Q3_K_L')
    expect(plan.tensors.filter(({ from, to }) => from !== to).map(({ to }) => to)).toEqual(['Q6_K', 'Q3_K', 'Q3_K'])
  })

  it('refuses layers that do not exist, and leaving none', async () => {
    const input = await model()
    for (const pruneLayers of [[3], [-1], [0.5], [0, 1, 2]])
      await expect(planQuantization(input, { type: 'Q4_0', pruneLayers })).rejects.toMatchObject({ code: 'QUANT_LAYER' })
  })
})
