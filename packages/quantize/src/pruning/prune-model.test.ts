import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CollectedStatistics } from '@qt/core'
import { decodeBlocks, encodeFloats, type MetadataValue, metadataNumber, readGguf, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { quantizeTensor } from '../quantize-tensor.js'
import { inputScores, leastInfluential } from './choose.js'
import { pruneModel } from './prune-model.js'
import { silenceHead } from './silence-head.js'

const [layers, width, heads, keyHeads, headDim, ffn] = [3, 8, 4, 2, 2, 6]
const shapes: Record<string, number[]> = {
  'attn_norm.weight': [width],
  'attn_q.weight': [heads * headDim, width],
  'attn_q.bias': [heads * headDim],
  'attn_k.weight': [keyHeads * headDim, width],
  'attn_v.weight': [keyHeads * headDim, width],
  'attn_output.weight': [width, heads * headDim],
  'ffn_gate.weight': [ffn, width],
  'ffn_up.weight': [ffn, width],
  'ffn_down.weight': [width, ffn],
}
const u32 = (value: number): MetadataValue => ({ type: 'UINT32', value })

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-prune-'))
})
afterEach(() => rm(folder, { recursive: true }))

interface Changes {
  readonly shapes?: Record<string, number[]>
  readonly metadata?: Record<string, MetadataValue>
  readonly type?: 'F32' | 'Q8_0'
}

/** Every number tells where it was: layer · 10⁴ + row · 100 + column. */
async function model(changes: Changes = {}): Promise<string> {
  const path = join(folder, 'model.gguf')
  const tensors = Array.from({ length: layers }, (_, layer) =>
    Object.entries({ ...shapes, ...changes.shapes }).map(([name, shape]) => {
      const columns = shape.length === 1 ? 1 : shape[1]!
      const count = shape[0]! * columns
      const value = (i: number) => layer * 1e4 + Math.floor(i / columns) * 100 + (i % columns)
      const numbers = Float32Array.from({ length: count }, (_, i) => value(i))
      const type = name === 'ffn_down.weight' ? (changes.type ?? 'F32') : 'F32'
      const data = type === 'F32' ? encodeFloats('F32', numbers) : quantizeTensor(numbers, columns, type)
      return { name: `blk.${layer}.${name}`, type, shape, data }
    }),
  ).flat()
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'STRING', value: 'llama' }],
    ['llama.block_count', u32(layers)],
    ['llama.embedding_length', u32(width)],
    ['llama.feed_forward_length', u32(ffn)],
    ['llama.attention.head_count', u32(heads)],
    ['llama.attention.head_count_kv', u32(keyHeads)],
    ...Object.entries(changes.metadata ?? {}),
  ])
  await writeGguf(path, { metadata, tensors })
  return path
}

/** Channels 1, 4 and 5 are given most in every layer, and the second key head. */
const statistics: CollectedStatistics = {
  inputs: new Map(
    Array.from({ length: layers }, (_, layer) => [
      [`blk.${layer}.ffn_down.weight`, { sums: Float32Array.of(0, 9e9, 0, 0, 8e9, 7e9), counts: Float32Array.of(1) }] as const,
      [
        `blk.${layer}.attn_output.weight`,
        { sums: Float32Array.of(0, 0, 0, 0, 1e9, 1e9, 1e9, 1e9), counts: Float32Array.of(1) },
      ] as const,
    ]).flat(),
  ),
  cosines: Float64Array.of(0.2, 0.99, 0.5),
  rows: 1,
  tokens: 1,
}

describe('pruneModel', () => {
  it('leaves out the layer that changes least, and the channels and heads that add least', async () => {
    const [input, output] = [await model(), join(folder, 'pruned.gguf')]
    const result = await pruneModel(input, output, { statistics, dropLayers: 1, keepChannels: 3, keepKeyHeads: 1 })
    expect(result).toMatchObject({
      droppedLayers: [1],
      channels: { before: 6, after: 3 },
      heads: { before: 4, after: 2 },
    })
    expect(result.influence[1]).toBeCloseTo(0.01)
    const pruned = await readGguf(output)
    const read = async (name: string) => [...decodeBlocks('F32', await pruned.read(name))]
    expect(pruned.tensors.has('blk.2.attn_q.weight')).toBe(false)
    // What was layer 2 is now layer 1.
    expect(pruned.tensors.get('blk.1.ffn_up.weight')?.shape).toEqual([3, width])
    expect((await read('blk.1.ffn_up.weight')).filter((_, i) => i % width === 0)).toEqual([20100, 20400, 20500])
    expect((await read('blk.1.ffn_down.weight')).slice(0, 3)).toEqual([20001, 20004, 20005])
    expect((await read('blk.0.attn_k.weight')).filter((_, i) => i % width === 0)).toEqual([200, 300])
    expect((await read('blk.0.attn_q.weight')).filter((_, i) => i % width === 0)).toEqual([400, 500, 600, 700])
    expect(await read('blk.0.attn_q.bias')).toEqual([400, 500, 600, 700])
    expect((await read('blk.0.attn_output.weight')).slice(0, 4)).toEqual([4, 5, 6, 7])
    const number = (key: string) => metadataNumber(pruned.metadata, `llama.${key}`)
    expect(['block_count', 'feed_forward_length', 'attention.head_count', 'attention.head_count_kv'].map(number)).toEqual([
      2, 3, 2, 1,
    ])
    expect(['attention.key_length', 'attention.value_length', 'rope.dimension_count'].map(number)).toEqual([2, 2, 2])
  })

  it('keeps the heads that are named, whichever add most', async () => {
    const [input, output] = [await model(), join(folder, 'pruned.gguf')]
    const keepHeads = [[0], [1], [0]]
    const { heads: changed } = await pruneModel(input, output, { statistics, dropLayers: 1, keepHeads })
    expect(changed).toEqual({ before: 4, after: 2 })
    const pruned = await readGguf(output)
    const rows = async (name: string) => [...decodeBlocks('F32', await pruned.read(name))].filter((_, i) => i % width === 0)
    expect(await rows('blk.0.attn_k.weight')).toEqual([0, 100])
    // What was layer 2; layer 1 is left out.
    expect(await rows('blk.1.attn_q.weight')).toEqual([20000, 20100, 20200, 20300])
  })

  it('refuses heads that there are not, that are named twice, or that differ in number', async () => {
    const [input, output] = [await model(), join(folder, 'pruned.gguf')]
    for (const keepHeads of [
      [[0], [1]],
      [[0], [2], [0]],
      [[0], [1], []],
      [
        [0, 0],
        [0, 1],
        [0, 1],
      ],
      [[], [], []],
    ])
      await expect(pruneModel(input, output, { statistics, keepHeads })).rejects.toMatchObject({
        code: 'PRUNE_COUNT',
        where: { field: 'keepHeads' },
      })
    const both = { keepHeads: [[0], [1], [0]], keepKeyHeads: 1 }
    await expect(pruneModel(input, output, { statistics, ...both })).rejects.toMatchObject({ code: 'PRUNE_COUNT' })
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('leaves out whole layers also where layers differ in width, and heads have their own', async () => {
    const each: MetadataValue = { type: 'ARRAY', of: 'INT32', value: [ffn, ffn, ffn] }
    const input = await model({ metadata: { 'llama.feed_forward_length': each, 'llama.attention.head_count_kv': each } })
    const output = join(folder, 'pruned.gguf')
    const { channels, heads } = await pruneModel(input, output, { statistics, dropLayers: 1 })
    expect([channels, heads]).toEqual([undefined, undefined])
    expect((await readGguf(output)).metadata.get('llama.feed_forward_length')?.value).toEqual([ffn, ffn])
    for (const options of [{ keepChannels: 3 }, { keepKeyHeads: 1 }])
      await expect(pruneModel(input, output, { statistics, ...options })).rejects.toMatchObject({ code: 'PRUNE_UNSUPPORTED' })
  })

  it('refuses numbers that the model does not have, and statistics of another one or of nothing', async () => {
    const [input, output] = [await model(), join(folder, 'pruned.gguf')]
    const prune = (options: object) => pruneModel(input, output, { statistics, ...options })
    await expect(prune({ dropLayers: 3 })).rejects.toMatchObject({ code: 'PRUNE_COUNT', where: { field: 'dropLayers' } })
    await expect(prune({ keepChannels: 7 })).rejects.toMatchObject({ code: 'PRUNE_COUNT' })
    await expect(prune({ keepKeyHeads: 0 })).rejects.toMatchObject({ code: 'PRUNE_COUNT' })
    for (const wrong of [{ cosines: Float64Array.of(1) }, { tokens: 0 }])
      await expect(prune({ statistics: { ...statistics, ...wrong } })).rejects.toMatchObject({ code: 'PRUNE_STATISTICS' })
    const nothing = { ...statistics, inputs: new Map() }
    await expect(prune({ statistics: nothing, keepChannels: 3 })).rejects.toMatchObject({ code: 'PRUNE_STATISTICS' })
    await expect(pruneModel(input, input, { statistics, dropLayers: 1 })).rejects.toMatchObject({ code: 'OUTPUT_IS_INPUT' })
  })

  it('refuses to cut what lies otherwise than it knows, and writes nothing then', async () => {
    const output = join(folder, 'pruned.gguf')
    const cases: [Changes, object, string, string][] = [
      [{ shapes: { 'ffn_up.weight': [2 * ffn, width] } }, { keepChannels: 3 }, 'PRUNE_UNSUPPORTED', 'blk.0.ffn_up.weight'],
      [{ shapes: { 'ffn_gate_inp.weight': [4, width] } }, { keepChannels: 3 }, 'PRUNE_UNSUPPORTED', 'blk.0.ffn_gate_inp.weight'],
      [{ shapes: { 'attn_qkv.weight': [16, width] } }, { keepKeyHeads: 1 }, 'PRUNE_UNSUPPORTED', 'blk.0.attn_qkv.weight'],
      [{ shapes: { 'attn_q_norm.weight': [8] } }, { keepKeyHeads: 1 }, 'PRUNE_UNSUPPORTED', 'blk.0.attn_q_norm.weight'],
    ]
    for (const [changes, options, code, field] of cases) {
      const input = await model(changes)
      await expect(pruneModel(input, output, { statistics, ...options })).rejects.toMatchObject({ code, where: { field } })
    }
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('keeps norms of single heads as they are', async () => {
    const input = await model({ shapes: { 'attn_q_norm.weight': [headDim] } })
    const output = join(folder, 'pruned.gguf')
    await pruneModel(input, output, { statistics, keepKeyHeads: 1 })
    expect((await readGguf(output)).tensors.get('blk.0.attn_q_norm.weight')?.shape).toEqual([headDim])
  })

  it('does not cut blocks open', async () => {
    const wide = { 'ffn_gate.weight': [32, width], 'ffn_up.weight': [32, width], 'ffn_down.weight': [width, 32] }
    const input = await model({ shapes: wide, type: 'Q8_0', metadata: { 'llama.feed_forward_length': u32(32) } })
    await expect(pruneModel(input, join(folder, 'pruned.gguf'), { statistics, keepChannels: 3 })).rejects.toMatchObject({
      code: 'PRUNE_QUANTISED',
    })
  })
})

describe('silenceHead', () => {
  it('zeroes what reads one head, and nothing else', async () => {
    const [input, output] = [await model(), join(folder, 'silent.gguf')]
    await silenceHead(input, output, { layer: 1, head: 1 })
    const [before, after] = [await readGguf(input), await readGguf(output)]
    for (const [name, { type }] of before.tensors) {
      const [was, is] = [decodeBlocks(type, await before.read(name)), decodeBlocks(type, await after.read(name))]
      const columns = heads * headDim
      // Key head 1 is read by the later half of the query heads.
      const silenced = (i: number) => name === 'blk.1.attn_output.weight' && i % columns >= columns / 2
      expect([...is]).toEqual([...was].map((value, i) => (silenced(i) ? 0 : value)))
    }
  })

  it('refuses a head that there is not, and writes nothing then', async () => {
    const [input, output] = [await model(), join(folder, 'silent.gguf')]
    for (const which of [
      { layer: 3, head: 0 },
      { layer: 0, head: keyHeads },
    ])
      await expect(silenceHead(input, output, which)).rejects.toMatchObject({ code: 'PRUNE_UNSUPPORTED' })
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })
})

describe('scores', () => {
  it('are the expected squares of what each input adds', () => {
    expect([...inputScores(Float32Array.of(1, 2, 3, 4), Float32Array.of(10, 1))]).toEqual([100, 20])
  })

  it('take the later of layers that change equally little', () => {
    expect(leastInfluential([0.9, 0.5, 0.9, 0.9], 2)).toEqual([2, 3])
  })
})
