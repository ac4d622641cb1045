import { parseConfig, projectionShape, projections, type TensorType, tensorTypes } from '@qt/core'
import { expect, test } from 'vitest'
import { bytesOfAll, openBase, type WithTensors } from './base.js'
import { liesInFile, sharedTensors, tensorShare } from './tensor-share.js'

/** Qwen2.5-0.5B's widths. */
const qwen = { layers: 2, dModel: 896, heads: 14, kvHeads: 2, headDim: 64, ffn: 4864, vocab: 100 }

async function base(architecture: Readonly<Record<string, number>>, type: TensorType) {
  const { spec, name } = await openBase(parseConfig({ architecture, data: { path: 'x' } }), 100, undefined)
  const tensors = new Map<string, NonNullable<WithTensors['model']>['tensors'] extends ReadonlyMap<string, infer T> ? T : never>()
  for (let layer = 0; layer < spec.layers; layer++)
    for (const projection of projections) {
      const shape = projectionShape(spec, projection)
      const { blockSize, blockBytes } = tensorTypes[type]
      const name = `blk.${layer}.${projection}.weight`
      tensors.set(name, { name, type, shape, bytes: ((shape[0] * shape[1]) / blockSize) * blockBytes })
    }
  return { spec, name, model: { tensors } }
}
const first = { rank: 0, size: 2 }

test('key heads stay with their queries, and inputs are cut at whole blocks of their type', async () => {
  expect(tensorShare(await base(qwen, 'BF16'), 'packed', first)).toEqual({ rank: 0, kvHeads: [0, 1, 2], ffn: [0, 2432, 4864] })
  // 19 blocks of 256; but one key head has 448 inputs of attn_output.
  const packed = { ...qwen, heads: 16, kvHeads: 4 }
  expect(tensorShare(await base(packed, 'Q4_K'), 'packed', first)).toEqual({ rank: 0, kvHeads: [0, 2, 4], ffn: [0, 2304, 4864] })
  expect(tensorShare(await base({ ...packed, heads: 8 }, 'Q4_K'), 'packed', first).kvHeads).toEqual([0, 2, 4])
  // Moments in 8 bits have a scale for 256 numbers.
  expect(tensorShare(await base({ ...qwen, ffn: 1280 }, 'BF16'), 'packed', first).ffn).toEqual([0, 640, 1280])
  expect(tensorShare(await base({ ...qwen, ffn: 1280 }, 'BF16'), 'packed', first, 'adamw8bit').ffn).toEqual([0, 512, 1280])
  // Decoded, there are no blocks.
  expect(tensorShare(await base(qwen, 'Q4_K'), 'bfloat16', first).kvHeads).toEqual([0, 1, 2])
})

test('where there are too few blocks a cut goes through them, and what it cuts is decoded', async () => {
  const given = await base(qwen, 'Q4_K')
  // A key head has 448 inputs of attn_output, and a block 256.
  const share = tensorShare(given, 'packed', first)
  expect(share).toEqual({ rank: 0, kvHeads: [0, 1, 2], ffn: [0, 2304, 4864] })
  const found = new Map(sharedTensors(given, 'packed', share).map(({ name, type, bytes }) => [name, { type, bytes }]))
  expect(found.get('blk.0.attn_output.weight')).toEqual({ type: 'F32', bytes: 896 * 448 * 4 })
  expect(found.get('blk.1.ffn_down.weight')).toEqual({ type: 'Q4_K', bytes: ((896 * 2304) / 256) * 144 })
  expect(found.get('blk.1.attn_q.weight')).toEqual({ type: 'Q4_K', bytes: ((448 * 896) / 256) * 144 })
  const narrow = await base({ ...qwen, heads: 8, kvHeads: 8, ffn: 512 }, 'Q4_K')
  expect(tensorShare(narrow, 'packed', { rank: 0, size: 4 })).toEqual({
    rank: 0,
    kvHeads: [0, 2, 4, 6, 8],
    ffn: [0, 128, 256, 384, 512],
  })
})

test('what cannot be divided so is refused, with the most that can', async () => {
  const refusal = async (architecture: typeof qwen, type: TensorType, size: number) => {
    const given = await base(architecture, type)
    try {
      tensorShare(given, 'packed', { rank: 0, size })
    } catch (error) {
      return error
    }
    return undefined
  }
  const most = (count: number) => ({
    code: 'CONFIG_CONTRADICTION',
    actions: [{ label: count > 1 ? `Set "tensorParallel": ${count}, or less.` : 'Remove "tensorParallel".' }],
  })
  expect(await refusal(qwen, 'BF16', 4)).toMatchObject(most(2))
  expect(await refusal({ ...qwen, kvHeads: 1 }, 'Q4_K', 2)).toMatchObject(most(1))
  // Two key heads of two columns make one draw of random numbers.
  const narrow = { ...qwen, dModel: 32, heads: 4, kvHeads: 4, headDim: 2 }
  expect(await refusal(narrow, 'F32', 3)).toMatchObject(most(2))
  expect(tensorShare(await base(narrow, 'F32'), 'packed', first).kvHeads).toEqual([0, 2, 4])
  expect(tensorShare(await base({ ...narrow, kvHeads: 3, heads: 3 }, 'F32'), 'packed', first).kvHeads).toEqual([0, 2, 3])
  expect(await refusal(qwen, 'Q4_K', 2)).toBeUndefined()
  expect(await refusal({ ...qwen, heads: 8, kvHeads: 8 }, 'Q8_0', 8)).toBeUndefined()
})

test('a share takes its part of each projection, to the byte', async () => {
  const given = await base({ ...qwen, heads: 16, kvHeads: 4 }, 'Q4_K')
  const bytes = [0, 1].map((rank) => bytesOfAll(sharedTensors(given, 'packed', tensorShare(given, 'packed', { rank, size: 2 }))))
  const whole = [...given.model.tensors.values()].reduce((sum, tensor) => sum + tensor.bytes, 0)
  expect(bytes[0]! + bytes[1]!).toBe(whole)
  expect(bytes[0]! / whole).toBeCloseTo(9 / 19, 1)
})

test('rows are no copy where they lie in a mapped file', async () => {
  const given = await base(qwen, 'BF16')
  expect([liesInFile(given, 'packed'), liesInFile(given, 'float32'), liesInFile(given, 'nf4')]).toEqual([true, false, false])
  expect(liesInFile(await base(qwen, 'NF4'), 'packed')).toBe(false)
})
