import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixture, temporaryFolder } from '../../test/files.js'
import { decodeBlocks } from '../blocks/decode.js'
import { metadataNumber, metadataString, metadataStrings } from '../gguf/metadata.js'
import { readGguf } from '../gguf/read.js'
import { writeGguf } from '../gguf/write.js'
import { openModel } from '../model/open-model.js'
import { readSafetensors } from '../safetensors/read.js'
import { convert } from './convert.js'

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'))

describe('convert', () => {
  it("lays a folder out as llama.cpp's converter does", async () => {
    const out = `${temporaryFolder()}/model.gguf`
    await convert(fixture('tiny-llama'), out, { type: 'F32' })
    const [ours, reference] = [await readGguf(out), await readGguf(fixture('tiny-llama.gguf'))]
    expect([...ours.tensors.keys()].sort()).toEqual([...reference.tensors.keys()].sort())
    for (const [name, { shape }] of reference.tensors) {
      expect(ours.tensors.get(name)?.shape).toEqual(shape)
      const [a, b] = [decodeBlocks('F32', await ours.read(name)), decodeBlocks('F32', await reference.read(name))]
      // The reference's divisors come from float32 frequencies.
      if (name === 'rope_freqs.weight') a.forEach((value, i) => void expect(value / b[i]!).toBeCloseTo(1, 5))
      else expect(a).toEqual(b)
    }
    for (const [key, value] of reference.metadata) expect([key, ours.metadata.get(key)]).toEqual([key, value])
  })

  it('gives a folder back exactly after a trip through GGUF', async () => {
    const folder = temporaryFolder()
    await convert(fixture('tiny-llama'), `${folder}/model.gguf`, { type: 'F32' })
    await convert(`${folder}/model.gguf`, `${folder}/again`)
    const [before, after] = [
      await readSafetensors(fixture('tiny-llama/model.safetensors')),
      await readSafetensors(`${folder}/again/model.safetensors`),
    ]
    expect([...after.tensors.keys()].sort()).toEqual([...before.tensors.keys()].sort())
    for (const name of before.tensors.keys()) expect(Buffer.compare(await after.read(name), await before.read(name))).toBe(0)
    const [old, now] = [await openModel(fixture('tiny-llama')), await openModel(`${folder}/again`)]
    expect(now.spec).toEqual(old.spec)
  })

  it('takes vocabulary, word rule, special tokens and template along, both ways', async () => {
    const folder = temporaryFolder()
    await convert(fixture('tiny-llama'), `${folder}/model.gguf`)
    const { metadata } = await readGguf(`${folder}/model.gguf`)
    const template = await readFile(fixture('tiny-llama/chat_template.jinja'), 'utf8')
    expect(metadataString(metadata, 'tokenizer.ggml.pre')).toBe('llama-bpe')
    expect(metadataString(metadata, 'tokenizer.chat_template')).toBe(template)
    expect(['bos', 'eos', 'padding'].map((name) => metadataNumber(metadata, `tokenizer.ggml.${name}_token_id`))).toEqual([
      0, 1, 2,
    ])
    expect(metadataStrings(metadata, 'tokenizer.ggml.tokens')).toHaveLength(272)

    await convert(`${folder}/model.gguf`, `${folder}/again`)
    const [before, after] = [await json(fixture('tiny-llama/tokenizer.json')), await json(`${folder}/again/tokenizer.json`)]
    expect(after.model.vocab).toEqual(before.model.vocab)
    expect(after.model.merges).toEqual(before.model.merges.map((merge: string[]) => merge.join(' ')))
    expect(after.model.ignore_merges).toBe(before.model.ignore_merges)
    expect(after.added_tokens).toEqual(before.added_tokens)
    expect(after.pre_tokenizer).toEqual(before.pre_tokenizer)
    expect(await json(`${folder}/again/tokenizer_config.json`)).toMatchObject({
      bos_token: '<|begin|>',
      eos_token: '<|end|>',
      pad_token: '<|pad|>',
      chat_template: template,
    })
    expect(await json(`${folder}/again/generation_config.json`)).toMatchObject({ bos_token_id: 0, eos_token_id: 1 })
  })

  it.each(['F16', 'BF16'] as const)('rounds weights to %s and keeps norms in F32', async (type) => {
    const out = `${temporaryFolder()}/model.gguf`
    expect(await convert(fixture('tiny-llama'), out, { type })).toMatchObject({ kind: 'gguf', type })
    const [rounded, exact] = [await readGguf(out), await readGguf(fixture('tiny-llama.gguf'))]
    expect(rounded.tensors.get('blk.0.attn_norm.weight')?.type).toBe('F32')
    const values = decodeBlocks(type, await rounded.read('blk.0.attn_q.weight'))
    const originals = decodeBlocks('F32', await exact.read('blk.0.attn_q.weight'))
    values.forEach((value, i) => {
      const original = originals[i]!
      expect(Math.abs(value - original)).toBeLessThanOrEqual(Math.abs(original) * 2 ** (type === 'F16' ? -11 : -8) + 1e-7)
    })
  })

  it('refuses to make infinities out of numbers that F16 cannot hold', async () => {
    const path = `${temporaryFolder()}/large.gguf`
    const source = await readGguf(fixture('tiny-llama.gguf'))
    const large = new Uint8Array(new Float32Array(272 * 32).fill(1e6).buffer)
    const tensors = [...source.tensors.values()].map((tensor) => ({
      ...tensor,
      data: tensor.name === 'output.weight' ? large : () => source.stream(tensor.name),
    }))
    await writeGguf(path, { metadata: source.metadata, tensors })
    await expect(convert(path, path.replace('large', 'half'), { type: 'F16' })).rejects.toMatchObject({
      code: 'TYPE_OVERFLOW',
      where: { field: 'output.weight' },
    })
  })

  it('counts the tensors that it reports, and not the divisors of rotary frequencies that a GGUF has beside them', async () => {
    const out = `${temporaryFolder()}/model.gguf`
    const seen: { done: number; total: number }[] = []
    const { tensors } = await convert(fixture('tiny-llama'), out, {
      onProgress: ({ done, total }) => void seen.push({ done, total }),
    })
    expect((await readGguf(out)).tensors.has('rope_freqs.weight')).toBe(true)
    expect(seen).toEqual(Array.from({ length: tensors }, (_, i) => ({ done: i + 1, total: tensors })))
  })

  it('reports progress, and stops without a trace when aborted', async () => {
    const out = `${temporaryFolder()}/model.gguf`
    const controller = new AbortController()
    const seen: number[] = []
    const work = convert(fixture('tiny-llama'), out, {
      signal: controller.signal,
      onProgress: ({ done }) => {
        seen.push(done)
        if (done === 3) controller.abort()
      },
    })
    await expect(work).rejects.toThrow('abort')
    expect(seen).toEqual([1, 2, 3])
    await expect(readFile(out)).rejects.toThrow('ENOENT')
  })
})
