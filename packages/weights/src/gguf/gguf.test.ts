import { readFileSync, statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { gguf as huggingFaceGguf } from '@huggingface/gguf'
import { parseRawMetadata } from 'gguf'
import { describe, expect, it } from 'vitest'
import { fixture, optional, temporaryFolder } from '../../test/files.js'
import { convert } from '../convert/convert.js'
import { bytesAsTheyLie } from './array-as-it-lies.js'
import { encodeHeader } from './encode-header.js'
import type { MetadataValue } from './metadata.js'
import { readGguf } from './read.js'
import { layoutGguf, writeGguf } from './write.js'

describe('readGguf', () => {
  it('reads every type of value that gguf-py writes', async () => {
    const { metadata, version } = await readGguf(fixture('blocks.gguf'))
    expect(version).toBe(3)
    expect(Object.fromEntries([...metadata].filter(([key]) => key.startsWith('test.')))).toEqual({
      'test.u8': { type: 'UINT8', value: 200 },
      'test.i8': { type: 'INT8', value: -100 },
      'test.u16': { type: 'UINT16', value: 60000 },
      'test.i16': { type: 'INT16', value: -30000 },
      'test.u32': { type: 'UINT32', value: 4000000000 },
      'test.i32': { type: 'INT32', value: -2000000000 },
      'test.u64': { type: 'UINT64', value: 2n ** 63n + 5n },
      'test.i64': { type: 'INT64', value: -(2n ** 62n) },
      'test.f32': { type: 'FLOAT32', value: 0.5 },
      'test.f64': { type: 'FLOAT64', value: 0.1 },
      'test.bool': { type: 'BOOL', value: true },
      'test.string': { type: 'STRING', value: 'é 漢字 🎉' },
      'test.strings': { type: 'ARRAY', of: 'STRING', value: ['a', '', 'ü'] },
      'test.floats': { type: 'ARRAY', of: 'FLOAT32', value: [0.5, -1.5] },
      'test.bools': { type: 'ARRAY', of: 'BOOL', value: [true, false] },
    })
  })

  it('reads the same from a path, a Blob and bytes', async () => {
    const path = fixture('tiny-llama.gguf')
    const bytes = new Uint8Array(readFileSync(path))
    const readers = [await readGguf(path), await readGguf(new Blob([bytes])), await readGguf(bytes)]
    for (const reader of readers) {
      expect(reader.metadata).toEqual(readers[0]!.metadata)
      expect([...reader.tensors.keys()]).toEqual([...readers[0]!.tensors.keys()])
      expect(await reader.read('blk.1.ffn_down.weight')).toEqual(await readers[0]!.read('blk.1.ffn_down.weight'))
    }
  })

  it('reads version 2', async () => {
    const bytes = new Uint8Array(readFileSync(fixture('blocks.gguf')))
    bytes[4] = 2
    expect((await readGguf(bytes)).version).toBe(2)
  })

  it('names a tensor that is not there', async () => {
    const gguf = await readGguf(fixture('blocks.gguf'))
    await expect(gguf.read('nothing')).rejects.toMatchObject({ code: 'TENSOR_MISSING' })
  })

  it('says which file is missing', async () => {
    await expect(readGguf('/no/such.gguf')).rejects.toMatchObject({ code: 'FILE_UNREADABLE', where: { file: '/no/such.gguf' } })
  })
})

describe('writeGguf', () => {
  it('copies a file to the same bytes', async () => {
    const copy = `${temporaryFolder()}/copy.gguf`
    for (const name of ['blocks.gguf', 'tiny-llama.gguf']) {
      const source = await readGguf(fixture(name))
      const tensors = [...source.tensors.values()].map((tensor) => ({ ...tensor, data: () => source.stream(tensor.name) }))
      await writeGguf(copy, { metadata: source.metadata, tensors })
      expect(readFileSync(copy).equals(readFileSync(fixture(name)))).toBe(true)
    }
  })

  it('keeps bytes that are not UTF-8, nested arrays and another alignment', async () => {
    const path = `${temporaryFolder()}/odd.gguf`
    const metadata = new Map<string, MetadataValue>([
      ['general.alignment', { type: 'UINT32', value: 64 }],
      ['tokens', { type: 'ARRAY', of: 'STRING', value: ['\udcff\udc80a', 'é'] }],
      [
        'nested',
        {
          type: 'ARRAY',
          of: 'ARRAY',
          value: [
            { type: 'ARRAY', of: 'UINT8', value: [1, 2] },
            { type: 'ARRAY', of: 'INT64', value: [-1n] },
          ],
        },
      ],
    ])
    const data = new Uint8Array(4).fill(7)
    await writeGguf(path, {
      metadata,
      tensors: [
        { name: 'a', type: 'F32', shape: [1], data },
        { name: 'b', type: 'F32', shape: [1], data },
      ],
    })
    const read = await readGguf(path)
    expect(read.metadata).toEqual(metadata)
    expect(read.tensors.get('b')!.offset - read.tensors.get('a')!.offset).toBe(64)
    expect(await read.read('b')).toEqual(data)
    expect(statSync(path).size % 64).toBe(0)
  })

  it('writes an array that was read by its bytes, and one that was made by its values', async () => {
    const read = await readGguf(fixture('blocks.gguf'))
    const array = read.metadata.get('test.strings')
    if (array?.type !== 'ARRAY' || array.of !== 'STRING') throw new Error('the fixture has no strings')
    expect(bytesAsTheyLie(array)?.length).toBe(4 + 8 + 3 * 8 + 3)
    const copied = encodeHeader(new Map([['a', array]]), [])
    expect(copied).toEqual(encodeHeader(new Map([['a', { type: 'ARRAY', of: 'STRING', value: ['a', '', 'ü'] }]]), []))
    const changed = encodeHeader(new Map([['a', { ...array, value: [...array.value, 'z'] }]]), [])
    expect(changed.length).toBe(copied.length + 9)
  })

  it('leaves no file behind when the data is not as long as announced', async () => {
    const folder = temporaryFolder()
    const tensors = [{ name: 'a', type: 'F32', shape: [2], data: new Uint8Array(4) }] as const
    await expect(writeGguf(`${folder}/short.gguf`, { metadata: new Map(), tensors })).rejects.toThrow('4 bytes where 8')
    expect(await readdir(folder)).toEqual([])
  })

  it('refuses sizes that are no whole numbers', async () => {
    const folder = temporaryFolder()
    const tensors = [{ name: 'a', type: 'F32', shape: [1.5, 2], data: new Uint8Array(12) }] as const
    await expect(writeGguf(`${folder}/half.gguf`, { metadata: new Map(), tensors })).rejects.toThrow('1.5 is no count or size')
    expect(await readdir(folder)).toEqual([])
  })

  it('refuses values that their type cannot hold', async () => {
    const write = (value: MetadataValue) =>
      writeGguf(`${temporaryFolder()}/bad.gguf`, { metadata: new Map([['a', value]]), tensors: [] })
    await expect(write({ type: 'UINT8', value: 256 })).rejects.toMatchObject({ code: 'METADATA_VALUE' })
    await expect(write({ type: 'INT32', value: 0.5 })).rejects.toMatchObject({ code: 'METADATA_VALUE' })
    await expect(write({ type: 'UINT64', value: -1n })).rejects.toMatchObject({ code: 'METADATA_VALUE' })
  })
})

describe('other readers', () => {
  const files = [fixture('tiny-llama.gguf'), optional('.models/SmolLM2-135M-Instruct.Q4_1.gguf', 'comparison on a real model')]

  it('@huggingface/gguf reads what we write as we do', async () => {
    const written = `${temporaryFolder()}/written.gguf`
    await convert(fixture('tiny-llama'), written, { type: 'F16' })
    for (const path of [written, ...files]) {
      if (path === undefined) continue
      const ours = await readGguf(path)
      const theirs = await huggingFaceGguf(path, { allowLocalFile: true })
      const { version, tensor_count, kv_count, ...pairs } = theirs.metadata
      expect([version, tensor_count, kv_count]).toEqual([ours.version, BigInt(ours.tensors.size), BigInt(ours.metadata.size)])
      expect(pairs).toEqual(Object.fromEntries([...ours.metadata].map(([key, { value }]) => [key, value])))
      expect(theirs.tensorDataOffset).toBe(BigInt(ours.dataOffset))
      expect(theirs.tensorInfos.map(({ name, shape, offset }) => [name, shape.map(Number), Number(offset)])).toEqual(
        [...ours.tensors.values()].map(({ name, shape, offset }) => [name, shape.toReversed(), offset - ours.dataOffset]),
      )
    }
  })

  it('the npm package gguf reads the metadata that we write as we do', async () => {
    const folder = temporaryFolder()
    await convert(fixture('tiny-llama'), `${folder}/small.gguf`)
    const ours = await readGguf(`${folder}/small.gguf`)
    // It reads 10 MiB at a time and takes a shorter file for a broken one.
    const filler = { name: 'filler', type: 'F32', shape: [11 * 2 ** 18], data: new Uint8Array(11 * 2 ** 20) } as const
    await writeGguf(`${folder}/large.gguf`, { metadata: ours.metadata, tensors: [filler] })
    const theirs = await parseRawMetadata(`${folder}/large.gguf`)
    if (!('metadata' in theirs)) throw theirs.error
    const nested = (key: string) => key.split('.').reduce<unknown>((value, part) => Object(value)[part], theirs.metadata)
    for (const [key, entry] of ours.metadata) expect([key, nested(key)]).toEqual([key, entry.value])
  })
})

describe('layoutGguf', () => {
  it.each([32, 64])('says where writeGguf puts everything, aligned to %i', async (alignment) => {
    const path = `${temporaryFolder()}/placed.gguf`
    const metadata = new Map<string, MetadataValue>([['general.alignment', { type: 'UINT32', value: alignment }]])
    const tensors = [3, 40, 8].map((columns, i) => ({
      name: `t${i}`,
      type: 'F32' as const,
      shape: [1, columns],
      data: new Uint8Array(4 * columns).fill(i + 1),
    }))
    await writeGguf(path, { metadata, tensors })
    const { header, tensors: places, size } = layoutGguf(metadata, tensors)
    const written = new Uint8Array(readFileSync(path))
    expect(size).toBe(written.length)
    expect(written.subarray(0, header.length)).toEqual(header)
    for (const [i, { offset, bytes }] of places.entries())
      expect(written.subarray(offset, offset + bytes)).toEqual(tensors[i]!.data)
  })
})
