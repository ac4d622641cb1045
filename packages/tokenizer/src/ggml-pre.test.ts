import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { type Metadata, metadataStrings, readGguf } from '@qt/weights'
import { beforeAll, describe, expect, it } from 'vitest'
import { ggmlPreTokenizer, ggmlPreTokenizerNames } from './ggml-pre.js'
import { Ids } from './ids.js'
import { bpe } from './models/bpe.js'
import type { Model } from './models/model.js'
import { type Vocabulary, vocabularyOf } from './vocabulary.js'

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../test/fixtures/ggml-pre/${name}.json`, import.meta.url), 'utf8'))
const file = new URL('../../../../shared/data/vocab/ggml-vocab-llama-bpe.gguf', import.meta.url).pathname
if (!existsSync(file)) console.log("skipped: pre-tokenizers against llama.cpp's ids, since shared/data/vocab is not there")

/** What llama.cpp gave; made by fixtures/make_ggml_pre.py. */
interface Expected {
  readonly kinds: Readonly<Record<string, { readonly bos: boolean; readonly as: string }>>
  /** Eight digits of a hash for each text. */
  readonly ids: Readonly<Record<string, string>>
}

/**
 * Where llama.cpp cannot say (for Aya aya.json does, by fixtures/make_ggml_aya.py) what the model's own pattern says: letters with marks, the wide space as punctuation, capitals in words of
 * Kimi and after an apostrophe of Aya, digits before letters of Aya, and white space before digits that are cut first: there it is a piece by itself.
 */
const own: Readonly<Record<string, RegExp>> = {
  ...Object.fromEntries(['gpt-4o', 'llama4', 'kanana2', 'talkie', 'minimax-m2', 'tekken'].map((name) => [name, /\p{M}/u])),
  'deepseek-llm': /\u3000/,
  'deepseek-coder': /\u3000/,
  afmoe: /\s{2}\p{N}/u,
  ...Object.fromEntries(['tiny_aya', 'cohere2moe'].map((name) => [name, /\s{2}\p{N}|\p{Nd}[\p{L}\p{Pc}]|\p{M}|'xB/u])),
  'kimi-k2': /[\p{Ll}\p{Lo}][\p{Lu}\p{Lt}]|\p{M}/u,
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value)
const isExpected = (value: unknown): value is Expected => typeof value === 'object' && value !== null && 'kinds' in value

describe.skipIf(!existsSync(file))('the pre-tokenizers of GGUF', () => {
  const texts = fixture('texts')
  const expected = fixture('expected')
  if (!isTexts(texts) || !isExpected(expected)) throw new Error('the fixtures of ggml-pre are not what they were')
  const { kinds, ids: hashes } = expected
  let models: Readonly<Record<'true' | 'false', Model>>

  beforeAll(async () => {
    const { metadata } = await readGguf(file)
    const vocabulary = vocabularyOf(metadataStrings(metadata, 'tokenizer.ggml.tokens') ?? [], 'tokens')
    models = { true: modelOf(metadata, vocabulary, true), false: modelOf(metadata, vocabulary, false) }
  }, 60_000)

  it.each(Object.keys(kinds))('give the ids of llama.cpp under the name %s', (name) => {
    const { scan, ignoreMerges, addBos } = ggmlPreTokenizer(name)
    const known = hashes[kinds[name]?.as ?? ''] ?? ''
    const differ = texts.filter((text, i) => {
      const out = new Ids()
      scan(text, 0, text.length, (from, to) => to > from && models[`${ignoreMerges}`].encode(text, from, to, out))
      const hash = createHash('sha256')
        .update(JSON.stringify([...out.toArray()]))
        .digest('hex')
      return !hash.startsWith(known.slice(i * 8, i * 8 + 8))
    })
    expect(known).toHaveLength(texts.length * 8)
    expect(differ.filter((text) => !own[name]?.test(text))).toEqual([])
    expect(addBos).toBe(kinds[name]?.bos)
  })

  it('are compared one by one but for those that the reference does not know', () => {
    expect(ggmlPreTokenizerNames.filter((name) => kinds[name] === undefined)).toEqual([])
  })
})

describe('the pre-tokenizer of Tiny Aya', () => {
  it.each(['tiny_aya', 'cohere2moe'])('cuts where Hugging Face cuts, under the name %s', (name) => {
    const cuts = fixture('aya')
    if (!Array.isArray(cuts) || !cuts.every(isTexts)) throw new Error('aya.json is not what it was')
    const { scan } = ggmlPreTokenizer(name)
    const differ = cuts.flatMap(([text = '', ...expected]) => {
      const pieces: string[] = []
      scan(text, 0, text.length, (from, to) => to > from && pieces.push(text.slice(from, to)))
      return JSON.stringify(pieces) === JSON.stringify(expected) ? [] : [{ pieces, expected }]
    })
    expect(cuts.length).toBeGreaterThan(1500)
    expect(differ).toEqual([])
  })
})

function modelOf(metadata: Metadata, vocabulary: Vocabulary, ignoreMerges: boolean): Model {
  const merges = (metadataStrings(metadata, 'tokenizer.ggml.merges') ?? []).map((line) => {
    const gap = line.indexOf(' ', 1)
    return [line.slice(0, gap), line.slice(gap + 1)] as const
  })
  return bpe({ vocabulary, merges, field: 'merges', byteLevel: true, ignoreMerges })
}
