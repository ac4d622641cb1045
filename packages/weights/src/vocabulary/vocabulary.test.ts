import { mkdir, writeFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { optional, temporaryFolder } from '../../test/files.js'
import { type MetadataValue, metadataNumbers, metadataString, metadataStrings } from '../gguf/metadata.js'
import { readGguf } from '../gguf/read.js'
import { tokenizerFiles } from './from-gguf.js'
import { mergesFromScores } from './merges-from-scores.js'
import { preTokenizerJson, preTokenizerName, preTokenizers } from './pre-tokenizers.js'
import { vocabularyMetadata } from './to-gguf.js'

/** Writes a GGUF's vocabulary as tokenizer.json and reads that back as metadata. */
async function thereAndBack(path: string) {
  const { metadata } = await readGguf(path)
  const folder = temporaryFolder()
  await mkdir(folder, { recursive: true })
  const { tokenizer, tokenizerConfig } = tokenizerFiles(metadata, path)
  await writeFile(`${folder}/tokenizer.json`, JSON.stringify(tokenizer))
  await writeFile(`${folder}/tokenizer_config.json`, JSON.stringify(tokenizerConfig))
  const size = metadataStrings(metadata, 'tokenizer.ggml.tokens')?.length ?? 0
  return { metadata, again: await vocabularyMetadata(`${folder}/tokenizer.json`, size) }
}

describe('vocabularies', () => {
  it.each(['llama-bpe', 'gpt-2', 'qwen2'])('%s survives a trip through tokenizer.json', async (name) => {
    const path = optional(`../shared/data/vocab/ggml-vocab-${name}.gguf`, `vocabulary of ${name}`)
    if (path === undefined) return
    const { metadata, again } = await thereAndBack(path)
    for (const key of ['tokens', 'merges']) {
      const full = `tokenizer.ggml.${key}`
      expect(metadataStrings(again, full)?.join('\n')).toBe(metadataStrings(metadata, full)?.join('\n'))
    }
    expect(metadataNumbers(again, 'tokenizer.ggml.token_type')?.join()).toBe(
      metadataNumbers(metadata, 'tokenizer.ggml.token_type')?.join(),
    )
    expect(again.get('tokenizer.ggml.pre')).toEqual(metadata.get('tokenizer.ggml.pre'))
    expect(again.get('tokenizer.ggml.eos_token_id')).toEqual(metadata.get('tokenizer.ggml.eos_token_id'))
  })

  it('a SentencePiece vocabulary keeps its tokens, kinds and the order in which they are preferred', async () => {
    const path = optional('../shared/data/vocab/ggml-vocab-llama-spm.gguf', 'vocabulary of llama')
    if (path === undefined) return
    const { metadata, again } = await thereAndBack(path)
    expect(metadataStrings(again, 'tokenizer.ggml.tokens')?.join('\n')).toBe(
      metadataStrings(metadata, 'tokenizer.ggml.tokens')?.join('\n'),
    )
    expect(metadataNumbers(again, 'tokenizer.ggml.token_type')?.join()).toBe(
      metadataNumbers(metadata, 'tokenizer.ggml.token_type')?.join(),
    )
    const [before, after] = [metadata, again].map((each) => metadataNumbers(each, 'tokenizer.ggml.scores') ?? [])
    // Tokens that can be merged at all: those whose score the merges carry.
    const worst = after!.reduce((least, score) => Math.min(least, score), 0)
    const merged = after!.map((score, id) => ({ score, id })).filter(({ score }) => score < 0 && score > worst)
    merged.sort((a, b) => b.score - a.score)
    for (let i = 1; i < merged.length; i++) expect(before![merged[i - 1]!.id]!).toBeGreaterThanOrEqual(before![merged[i]!.id]!)
    expect(merged.length).toBeGreaterThan(20_000)
    expect(metadataString(again, 'tokenizer.ggml.model')).toBe('llama')
  })

  it('refuses a vocabulary whose word rule was lost, rather than guess', () => {
    const tokens = { type: 'ARRAY', of: 'STRING', value: ['a', 'b'] } as const
    const metadata = new Map<string, MetadataValue>([
      ['tokenizer.ggml.model', { type: 'STRING', value: 'gpt2' }],
      ['tokenizer.ggml.tokens', tokens],
    ])
    expect(() => tokenizerFiles(metadata, 'old.gguf')).toThrow('word rule default')
    metadata.set('tokenizer.ggml.pre', { type: 'STRING', value: 'llama3' })
    expect(tokenizerFiles(metadata, 'old.gguf').tokenizer).toMatchObject({ model: { ignore_merges: true } })
  })

  it('merges come from scores, best first', () => {
    expect(mergesFromScores(['a', 'b', 'ab', 'aba', 'ba'], [-5, -5, -1, -2, -3])).toEqual(['a b', 'a ba', 'ab a', 'b a'])
  })

  it('every word rule is found by its name and by its content', () => {
    for (const { names } of preTokenizers)
      for (const name of names) expect(preTokenizerName(preTokenizerJson(name))).toBe(names[0])
    expect(preTokenizerName({ type: 'ByteLevel', add_prefix_space: false })).toBe('gpt-2')
    expect(preTokenizerName({ type: 'Whitespace' })).toBeUndefined()
  })

  it('a token that the model has no row for is an error', async () => {
    const file = `${temporaryFolder()}/tokenizer.json`
    const json = { model: { type: 'BPE', vocab: { a: 0, b: 5 }, merges: [] }, pre_tokenizer: preTokenizerJson('gpt-2') }
    await writeFile(file, JSON.stringify(json))
    await expect(vocabularyMetadata(file, 4)).rejects.toMatchObject({ code: 'TOKENIZER_MISMATCH' })
    expect(metadataStrings(await vocabularyMetadata(file, 7), 'tokenizer.ggml.tokens')).toEqual([
      'a',
      '[PAD1]',
      '[PAD2]',
      '[PAD3]',
      '[PAD4]',
      'b',
      '[PAD6]',
    ])
  })

  it.each([
    [{ model: { type: 'Unigram', vocab: [] } }, 'TOKENIZER_UNSUPPORTED'],
    [{ model: { type: 'BPE', vocab: { a: 0 }, merges: [] }, pre_tokenizer: { type: 'Whitespace' } }, 'TOKENIZER_UNSUPPORTED'],
    [{ model: { type: 'BPE', vocab: { a: -1 }, merges: [] } }, 'TOKENIZER_INVALID'],
    [{}, 'TOKENIZER_INVALID'],
  ])('refuses %j', async (json, code) => {
    const file = `${temporaryFolder()}/tokenizer.json`
    await writeFile(file, JSON.stringify(json))
    await expect(vocabularyMetadata(file, 4)).rejects.toMatchObject({ code })
  })
})
