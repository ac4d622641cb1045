import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { uniform } from '@qt/core'
import { decodeBlocks, encodeFloats, type MetadataValue, ownFormat, readGguf, writeGguf } from '@qt/weights'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { defineQuantMethod, type QuantFormat } from './method.js'
import { planQuantization } from './plan.js'
import { quantize } from './quantize.js'

vi.setConfig({ testTimeout: 60_000 })

/** Eight values as bytes, the largest magnitude before them as a float32. */
const bytes8 = defineQuantMethod({
  name: 'BYTES8',
  blockSize: 8,
  blockBytes: 12,
  encode(values, out) {
    const view = new DataView(out.buffer, out.byteOffset)
    for (let block = 0; block < values.length / 8; block++) {
      const part = values.subarray(8 * block, 8 * block + 8)
      const largest = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      view.setFloat32(12 * block, largest, true)
      part.forEach((value, i) => {
        view.setInt8(12 * block + 4 + i, largest === 0 ? 0 : Math.round((127 * value) / largest))
      })
    }
  },
  decode(blocks, out) {
    const view = new DataView(blocks.buffer, blocks.byteOffset)
    out.forEach((_, i) => {
      const block = 12 * Math.floor(i / 8)
      out[i] = (view.getFloat32(block, true) * view.getInt8(block + 4 + (i % 8))) / 127
    })
  },
})

const matrix = 'blk.0.attn_q.weight'
const narrow = 'blk.0.attn_k.weight'
const numbers = Float32Array.from({ length: 16 * 64 }, (_, i) => uniform(3, 'sample', 0, i) - 0.5)

let folder: string
let input: string
let output: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'qt-own-'))
  input = join(folder, 'model.gguf')
  output = join(folder, 'own.gguf')
  await writeGguf(input, {
    metadata: new Map<string, MetadataValue>([['general.architecture', { type: 'STRING', value: 'llama' }]]),
    tensors: [
      { name: matrix, type: 'F32', shape: [16, 64], data: encodeFloats('F32', numbers) },
      { name: narrow, type: 'F32', shape: [16, 12], data: encodeFloats('F32', numbers.subarray(0, 16 * 12)) },
      { name: 'blk.0.attn_norm.weight', type: 'F32', shape: [64], data: encodeFloats('F32', numbers.subarray(0, 64)) },
    ],
  })
})
afterEach(() => rm(folder, { recursive: true }))

describe('a format of its own', () => {
  it('is written with a descriptor, and read back by its method', async () => {
    const { fileBytes, tensors } = await quantize(input, output, { method: bytes8 })
    expect((await stat(output)).size).toBe(fileBytes)
    expect(await planQuantization(input, { method: bytes8 })).toMatchObject({ fileBytes, tensors })
    const own = await readGguf(output)
    expect(ownFormat(own.metadata)).toEqual({ name: 'BYTES8', blockSize: 8, blockBytes: 12 })
    expect(own.tensors.get(matrix)).toMatchObject({ type: 'OWN', shape: [16, 64], bytes: (16 * 64 * 12) / 8 })
    // Rows that do not divide into its blocks, and norms, stay.
    expect(own.tensors.get(narrow)?.type).toBe('F32')
    expect(own.tensors.get('blk.0.attn_norm.weight')?.type).toBe('F32')

    const back = join(folder, 'back.gguf')
    await quantize(output, back, { method: bytes8, type: 'F32' })
    const read = await readGguf(back)
    expect(ownFormat(read.metadata)).toBeUndefined()
    const expected = new Float32Array(numbers.length)
    bytes8.decode(await own.read(matrix), expected)
    expect(decodeBlocks('F32', await read.read(matrix))).toEqual(expected)
    expect(Math.max(...expected.map((value, i) => Math.abs(value - numbers[i]!)))).toBeLessThan(0.5 / 127)
    expect(decodeBlocks('F32', await read.read(narrow))).toEqual(numbers.slice(0, 16 * 12))
  })

  it('is read by no other method', async () => {
    await quantize(input, output, { method: bytes8 })
    const others: (QuantFormat | undefined)[] = [undefined, { ...bytes8, name: 'OTHER' }, { ...bytes8, blockBytes: 13 }]
    for (const method of others)
      await expect(quantize(output, join(folder, 'back.gguf'), { method, type: 'F32' })).rejects.toMatchObject({
        code: 'TYPE_UNSUPPORTED',
        message: expect.stringContaining('BYTES8'),
      })
    expect(() => decodeBlocks('OWN', new Uint8Array(12))).toThrow('OWN')
  })

  it('is no part of a file type, and takes nothing that is quantised already', async () => {
    await expect(quantize(input, output, { method: bytes8, type: 'Q4_K_M' })).rejects.toMatchObject({
      code: 'QUANT_METHOD_INVALID',
    })
    const small = join(folder, 'small.gguf')
    await quantize(input, small, { type: 'Q8_0', sync: false })
    await expect(quantize(small, output, { method: bytes8 })).rejects.toMatchObject({ code: 'QUANT_AGAIN' })
  })

  it('is a damaged file without the descriptor, or with an impossible one', async () => {
    await quantize(input, output, { method: bytes8 })
    const bytes = await readFile(output)
    const at = bytes.indexOf('quantize.format.block_size')
    const [gone, zero] = [Uint8Array.from(bytes), Uint8Array.from(bytes)]
    gone[at] = 'x'.charCodeAt(0)
    zero.fill(0, at + 'quantize.format.block_size'.length + 4, at + 'quantize.format.block_size'.length + 8)
    for (const damaged of [gone, zero]) await expect(readGguf(damaged)).rejects.toMatchObject({ code: 'GGUF_MALFORMED' })
  })
})
