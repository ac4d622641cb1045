import { cp, readFile, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, optional, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { convert } from '../convert/convert.js'
import { readGguf } from '../gguf/read.js'
import { writeGguf } from '../gguf/write.js'
import { openModel } from './open-model.js'
import { specFromConfig } from './spec-from-config.js'

const expected: { frequencies: number[] } = JSON.parse(await readFile(fixture('expected.json'), 'utf8'))

/** The fixture's folder with some settings of config.json replaced. */
async function folderWith(settings: Record<string, unknown>): Promise<string> {
  const folder = temporaryFolder()
  await cp(fixture('tiny-llama'), folder, { recursive: true })
  const config = JSON.parse(await readFile(`${folder}/config.json`, 'utf8'))
  await writeFile(`${folder}/config.json`, JSON.stringify({ ...config, ...settings }))
  return folder
}

describe('openModel', () => {
  it('reads a Hugging Face folder', async () => {
    const model = await openModel(fixture('tiny-llama'))
    expect(model).toMatchObject({ kind: 'hf', name: 'tiny-llama', tokenizerFile: fixture('tiny-llama/tokenizer.json') })
    expect(model.spec).toMatchObject({
      architecture: 'llama',
      vocabularySize: 272,
      contextLength: 256,
      layers: 2,
      dModel: 32,
      heads: 4,
      kvHeads: 2,
      headDim: 8,
      ffn: 64,
      norm: { kind: 'rms', epsilon: 1e-5, offset: 0, post: false },
      activation: 'silu',
      tiedEmbeddings: false,
    })
    expect(model.spec.rope.layout).toBe('halves')
    expect(model.tensors.size).toBe(3 + 2 * 9)
    expect(model.tensors.get('blk.1.ffn_down.weight')).toMatchObject({ type: 'F32', shape: [32, 64], bytes: 8192 })
  })

  it('has the rope frequencies of transformers, llama3 scaling included', async () => {
    const fromFolder = (await openModel(fixture('tiny-llama'))).spec.rope.frequencies
    const fromGguf = (await openModel(fixture('tiny-llama.gguf'))).spec.rope.frequencies
    expected.frequencies.forEach((frequency, pair) => {
      expect(fromFolder[pair]! / frequency).toBeCloseTo(1, 6)
      expect(fromGguf[pair]! / frequency).toBeCloseTo(1, 6)
    })
  })

  it('knows from a GGUF what the folder says, but for the order of rows', async () => {
    const folder = await openModel(fixture('tiny-llama'))
    const gguf = await openModel(fixture('tiny-llama.gguf'))
    expect(gguf).toMatchObject({ kind: 'gguf', tokenizerFile: fixture('tiny-llama.gguf') })
    expect(gguf.spec).toEqual({ ...folder.spec, rope: { ...gguf.spec.rope, layout: 'interleaved' } })
    expect([...gguf.tensors.keys()]).toEqual([...folder.tensors.keys()])
  })

  it('gives offsets at which the numbers lie', async () => {
    const { tensors } = await openModel(fixture('tiny-llama'))
    const info = tensors.get('output_norm.weight')!
    const bytes = new Uint8Array(await readFile(info.file)).subarray(info.offset, info.offset + info.bytes)
    const values = decodeBlocks(info.type, bytes)
    expect(values.every((value) => value > 0.5 && value < 1.5)).toBe(true)
  })

  it.each([
    ['attention_bias', true],
    ['mlp_bias', true],
    ['hidden_act', 'gelu'],
    ['sliding_window', 4096],
    ['quantization_config', { quant_method: 'gptq' }],
    ['rope_parameters', { rope_type: 'dynamic', rope_theta: 10000, factor: 4 }],
    ['architectures', ['MambaForCausalLM']],
  ])('refuses %s by name', async (key, value) => {
    const name = key === 'rope_parameters' ? 'dynamic' : key === 'architectures' ? 'MambaForCausalLM' : key
    await expect(openModel(await folderWith({ [key]: value }))).rejects.toThrow(name)
  })

  it('names the first tensor whose shape is not what the configuration asks for', async () => {
    await expect(openModel(await folderWith({ intermediate_size: 96 }))).rejects.toMatchObject({
      code: 'TENSOR_SHAPE',
      message: 'The tensor model.layers.0.mlp.gate_proj.weight has the shape [64, 32] where the configuration asks for [96, 32].',
    })
  })

  it('names a tensor that is missing', async () => {
    await expect(openModel(await folderWith({ num_hidden_layers: 3 }))).rejects.toMatchObject({ code: 'TENSOR_MISSING' })
  })

  it('refuses a tensor that it would otherwise leave out', async () => {
    const path = `${temporaryFolder()}/biased.gguf`
    const source = await readGguf(fixture('tiny-llama.gguf'))
    const tensors = [...source.tensors.values()].map((tensor) => ({ ...tensor, data: () => source.stream(tensor.name) }))
    const bias = { name: 'blk.0.attn_q.bias', type: 'F32', shape: [1], data: new Uint8Array(4) } as const
    await writeGguf(path, { metadata: source.metadata, tensors: [...tensors, bias] })
    await expect(openModel(path)).rejects.toMatchObject({ code: 'TENSOR_UNKNOWN', where: { field: 'blk.0.attn_q.bias' } })
  })

  it('stops at hostile numbers before it allocates', async () => {
    await expect(openModel(await folderWith({ num_hidden_layers: 2 ** 40 }))).rejects.toMatchObject({ code: 'TENSOR_MISSING' })
    await expect(openModel(await folderWith({ head_dim: 2 ** 40 }))).rejects.toMatchObject({ code: 'MODEL_INVALID' })
    await expect(openModel(await folderWith({ hidden_size: -1 }))).rejects.toMatchObject({ code: 'MODEL_INVALID' })
    await expect(openModel(await folderWith({ num_key_value_heads: 3 }))).rejects.toMatchObject({ code: 'MODEL_INVALID' })
  })

  it('reads linear scaling in both spellings of transformers', () => {
    const config = {
      architectures: ['LlamaForCausalLM'],
      hidden_size: 32,
      intermediate_size: 64,
      num_hidden_layers: 1,
      num_attention_heads: 4,
    }
    const old = specFromConfig({ ...config, rope_theta: 500, rope_scaling: { type: 'linear', factor: 2 } })
    const now = specFromConfig({ ...config, rope_parameters: { rope_type: 'linear', factor: 2, rope_theta: 500 } })
    expect(old.spec).toEqual(now.spec)
    expect(old.spec.rope.frequencies[0]).toBe(0.5)
    const both = {
      ...config,
      rope_theta: 500,
      rope_scaling: { type: 'linear', factor: 2 },
      rope_parameters: { rope_type: 'default' },
    }
    expect(specFromConfig(both).spec).toEqual(now.spec)
    expect(old.spec.rope.frequencies[1]).toBeCloseTo(500 ** -0.25 / 2, 12)
  })

  it('opens a GGUF that was split into parts, from any of them or from their folder', async () => {
    const folder = temporaryFolder()
    const source = await readGguf(fixture('tiny-llama.gguf'))
    const all = [...source.tensors.values()].map((tensor) => ({ ...tensor, data: () => source.stream(tensor.name) }))
    const count = { type: 'UINT16', value: 2 } as const
    const write = (part: number, tensors: typeof all, metadata = source.metadata) =>
      writeGguf(`${folder}/m-0000${part}-of-00002.gguf`, { metadata: new Map([...metadata, ['split.count', count]]), tensors })
    await write(1, all.slice(0, 9))
    await write(2, all.slice(9))
    const model = await openModel(folder)
    expect(model.spec).toEqual((await openModel(fixture('tiny-llama.gguf'))).spec)
    expect(await openModel(`${folder}/m-00002-of-00002.gguf`)).toMatchObject({ tokenizerFile: `${folder}/m-00001-of-00002.gguf` })
    expect(new Set([...model.tensors.values()].map(({ file }) => file)).size).toBe(2)
    await convert(folder, `${folder}/whole.gguf`, { type: 'F32' })
    const whole = await readGguf(`${folder}/whole.gguf`)
    expect(whole.metadata.has('split.count')).toBe(false)
    expect(await whole.read('blk.1.ffn_down.weight')).toEqual(await source.read('blk.1.ffn_down.weight'))
  })

  it('opens a real model', async () => {
    const path = optional('.models/SmolLM2-135M-Instruct.Q4_1.gguf', 'opening a real model')
    if (path === undefined) return
    const model = await openModel(path)
    expect(model.spec).toMatchObject({ layers: 30, heads: 9, kvHeads: 3, tiedEmbeddings: true, norm: { epsilon: 1e-5 } })
    expect(model.tensors.size).toBe(272)
  })
})
