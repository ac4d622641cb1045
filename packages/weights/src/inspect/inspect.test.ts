import { describe, expect, it } from 'vitest'
import { fixture, optional } from '../../test/files.js'
import { inspect } from './inspect.js'

describe('inspect', () => {
  it('describes a GGUF model', async () => {
    const found = await inspect(fixture('tiny-llama.gguf'))
    expect(found).toMatchObject({ format: 'gguf', version: 3, architecture: 'llama', name: 'tiny-llama' })
    expect(found.spec?.layers).toBe(2)
    expect(found.totals).toEqual({ F32: { tensors: 22, parameters: found.parameters, bytes: found.bytes } })
    expect(found.metadata['tokenizer.ggml.tokens']).toMatchObject({
      of: 'STRING',
      length: 272,
      first: ['<|begin|>', '<|end|>', '<|pad|>', '!'],
    })
  })

  it('is JSON, 64-bit numbers included', async () => {
    const found = await inspect(fixture('blocks.gguf'))
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    expect(found.metadata).toMatchObject({
      'test.u64': '9223372036854775813',
      'test.i64': '-4611686018427387904',
      'test.u32': 4000000000,
    })
    expect(found.problem).toContain('test')
    expect(found.totals.Q4_0).toEqual({ tensors: 1, parameters: 192, bytes: 108 })
  })

  it('describes a folder, a safetensors file and an adapter', async () => {
    expect(await inspect(fixture('tiny-llama'))).toMatchObject({
      format: 'hf',
      architecture: 'LlamaForCausalLM',
      spec: { heads: 4 },
    })
    expect(await inspect(fixture('merged.safetensors'))).toMatchObject({
      format: 'safetensors',
      totals: { F32: { tensors: 14 } },
    })
    const adapter = await inspect(fixture('adapter'))
    expect(adapter).toMatchObject({ format: 'peft', metadata: { r: 4, use_rslora: true } })
    expect(adapter.problem).toBeUndefined()
    expect(adapter.tensors).toHaveLength(28)
  })

  it('reads what it cannot run, and says why', async () => {
    const path = optional('../shared/data/vocab/ggml-vocab-qwen2.gguf', 'inspecting a vocabulary')
    if (path !== undefined) expect((await inspect(path)).problem).toContain('qwen2')
    const dora = optional('../shared/parity/smollm2-dora-rslora/adapter_init', 'inspecting a DoRA adapter')
    if (dora !== undefined) expect((await inspect(dora)).problem).toBeUndefined()
  })

  it('says what is missing', async () => {
    await expect(inspect('/no/such/model')).rejects.toMatchObject({ code: 'FILE_UNREADABLE' })
  })
})
