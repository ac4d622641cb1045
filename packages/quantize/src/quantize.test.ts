import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TensorType, uniform } from '@qt/core'
import { encodeFloats, type MetadataValue, metadataNumber, readGguf, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { quantize } from './quantize.js'
import { quantizeTensor } from './quantize-tensor.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-quantize-'))
})
afterEach(() => rm(folder, { recursive: true }))

const numbers = (count: number, purpose = 1) =>
  Float32Array.from({ length: count }, (_, i) => uniform(purpose, 'sample', 0, i) - 0.5)

const shapes: Record<string, readonly [TensorType & ('F32' | 'F16' | 'BF16'), readonly number[]]> = {
  'token_embd.weight': ['F16', [40, 64]],
  'blk.0.attn_norm.weight': ['F32', [64]],
  'blk.0.attn_q.weight': ['F32', [64, 64]],
  'blk.0.attn_q.bias': ['F32', [64]],
  'blk.0.ffn_down.weight': ['BF16', [64, 96]],
  'blk.0.narrow.weight': ['F32', [8, 48]],
  'blk.0.ffn_gate_inp.weight': ['F32', [4, 64]],
  'blk.0.ffn_up_exps.weight': ['F32', [2, 4, 64]],
  'output_norm.weight': ['F32', [64]],
}
const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1)

async function makeModel(replace: Record<string, Float32Array> = {}): Promise<string> {
  const path = join(folder, 'model.gguf')
  const metadata = new Map<string, MetadataValue>([
    ['general.architecture', { type: 'STRING', value: 'llama' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'smollm' }],
    ['general.file_type', { type: 'UINT32', value: 1 }],
    ['x.list', { type: 'ARRAY', of: 'STRING', value: ['a', 'b'] }],
  ])
  const tensors = Object.entries(shapes).map(([name, [type, shape]]) => ({
    name,
    type,
    shape,
    data: encodeFloats(type, replace[name] ?? numbers(sizeOf(shape))),
  }))
  await writeGguf(path, { metadata, tensors })
  return path
}

describe('quantize', () => {
  it('gives every matrix the type, keeps norms and routers, and stores rows that do not divide as F16', async () => {
    const output = join(folder, 'small.gguf')
    const result = await quantize(await makeModel(), output, { type: 'Q4_0' })
    const { tensors, metadata } = await readGguf(output)
    expect(Object.fromEntries([...tensors.values()].map(({ name, type }) => [name, type]))).toEqual({
      // Also the output, so llama.cpp gives it Q6_K, and Q8_0 where rows do not divide.
      'token_embd.weight': 'Q8_0',
      'blk.0.attn_norm.weight': 'F32',
      'blk.0.attn_q.weight': 'Q4_0',
      'blk.0.attn_q.bias': 'F32',
      'blk.0.ffn_down.weight': 'Q4_0',
      'blk.0.narrow.weight': 'F16',
      'blk.0.ffn_gate_inp.weight': 'F32',
      'blk.0.ffn_up_exps.weight': 'Q4_0',
      'output_norm.weight': 'F32',
    })
    expect(metadataNumber(metadata, 'general.file_type')).toBe(2)
    expect(metadataNumber(metadata, 'general.quantization_version')).toBe(2)
    expect(result.bytesAfter).toBe([...tensors.values()].reduce((sum, { bytes }) => sum + bytes, 0))
    expect(result.bytesAfter).toBeLessThan(result.bytesBefore / 2)
  })

  it.each(['F16', 'BF16', 'Q8_0', 'Q5_1', 'Q5_0', 'Q4_1', 'Q4_0'] as const)(
    'writes the blocks of %s that quantizeTensor makes',
    async (type) => {
      const output = join(folder, 'small.gguf')
      await quantize(await makeModel(), output, { type })
      const gguf = await readGguf(output)
      expect(await gguf.read('blk.0.attn_q.weight')).toEqual(quantizeTensor(numbers(64 * 64), 64, type))
    },
  )

  it('keeps metadata, the order of tensors and the bytes of those it does not quantise', async () => {
    const input = await makeModel()
    const output = join(folder, 'small.gguf')
    await quantize(input, output, { type: 'Q8_0' })
    const [before, after] = await Promise.all([readGguf(input), readGguf(output)])
    expect([...after.tensors.keys()]).toEqual([...before.tensors.keys()])
    for (const [key, value] of before.metadata) if (key !== 'general.file_type') expect(after.metadata.get(key)).toEqual(value)
    expect(await after.read('blk.0.attn_norm.weight')).toEqual(await before.read('blk.0.attn_norm.weight'))
  })

  it('gives the same bytes every time', async () => {
    const input = await makeModel()
    const outputs = [join(folder, 'a.gguf'), join(folder, 'b.gguf')]
    for (const output of outputs) await quantize(input, output, { type: 'Q5_1' })
    const [first, second] = await Promise.all(outputs.map((path) => readFile(path)))
    expect(first!.equals(second!)).toBe(true)
  })

  it('leaves no file behind when a value is not finite, and names tensor and value', async () => {
    const values = numbers(64 * 64)
    values[70] = Number.NaN
    const input = await makeModel({ 'blk.0.attn_q.weight': values })
    await expect(quantize(input, join(folder, 'small.gguf'), { type: 'Q4_0' })).rejects.toMatchObject({
      code: 'QUANT_NOT_FINITE',
      where: { file: input, field: 'blk.0.attn_q.weight[70]' },
    })
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('leaves an older output alone when it fails', async () => {
    const values = numbers(64 * 64).fill(1e38)
    const output = join(folder, 'small.gguf')
    await writeFile(output, 'older')
    await expect(quantize(await makeModel({ 'blk.0.attn_q.weight': values }), output, { type: 'Q4_0' })).rejects.toMatchObject({
      code: 'QUANT_OUT_OF_RANGE',
    })
    expect(await readFile(output, 'utf8')).toBe('older')
  })

  it('stops when aborted and leaves no file behind', async () => {
    const controller = new AbortController()
    const input = await makeModel()
    const run = quantize(input, join(folder, 'small.gguf'), {
      type: 'Q4_0',
      signal: controller.signal,
      onTensor: () => controller.abort(),
    })
    await expect(run).rejects.toMatchObject({ name: 'AbortError' })
    expect(await readdir(folder)).toEqual(['model.gguf'])
  })

  it('refuses to quantise twice unless asked', async () => {
    const once = join(folder, 'once.gguf')
    const twice = join(folder, 'twice.gguf')
    await quantize(await makeModel(), once, { type: 'Q8_0' })
    await expect(quantize(once, twice, { type: 'Q4_0' })).rejects.toMatchObject({ code: 'QUANT_AGAIN', kind: 'usage' })
    await quantize(once, twice, { type: 'Q4_0', requantize: true })
    expect((await readGguf(twice)).tensors.get('blk.0.attn_q.weight')?.type).toBe('Q4_0')
  })

  it('copies tensors that have the type already', async () => {
    const once = join(folder, 'once.gguf')
    const again = join(folder, 'again.gguf')
    await quantize(await makeModel(), once, { type: 'Q8_0' })
    await quantize(once, again, { type: 'Q8_0' })
    expect((await readFile(again)).equals(await readFile(once))).toBe(true)
  })

  it('refuses to replace its own input', async () => {
    const input = await makeModel()
    await expect(quantize(input, join(folder, '.', 'model.gguf'), { type: 'Q4_0' })).rejects.toMatchObject({
      code: 'OUTPUT_IS_INPUT',
    })
  })
})
