import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { expected, readFixture } from '../test/fixtures.js'
import { metadataOf } from '../test/metadata.js'
import { byteToken } from './bytes.js'
import { isObject } from './fields.js'
import { ggmlPreTokenizerNames } from './ggml-pre.js'
import { Tokenizer } from './tokenizer.js'

type Values = Parameters<typeof metadataOf>[0]

/** The metadata that llama.cpp's converter would write for a fixture. */
function converted(kind: string, more: Values): Values {
  const json = readFixture(`${kind}.json`)
  if (!isObject(json) || !isObject(json.model) || !isObject(json.model.vocab) || !Array.isArray(json.added_tokens))
    throw new Error(kind)
  const added = new Map<string, boolean>(json.added_tokens.map((token) => [token.content, token.special]))
  const ids = new Map<string, number>(Object.entries(json.model.vocab).map(([token, id]) => [token, Number(id)]))
  for (const token of json.added_tokens) ids.set(token.content, token.id)
  const tokens = [...ids].sort(([, a], [, b]) => a - b).map(([token]) => token)
  const merges: unknown[] = Array.isArray(json.model.merges) ? json.model.merges : []
  return {
    'tokenizer.ggml.tokens': tokens,
    'tokenizer.ggml.token_type': tokens.map((token) => (added.has(token) ? (added.get(token) ? 3 : 4) : 1)),
    'tokenizer.ggml.merges': merges.map((merge) => (Array.isArray(merge) ? merge.join(' ') : String(merge))),
    ...more,
  }
}

describe('byte-level vocabularies', () => {
  it.each([
    ['gpt2', 'gpt-2'],
    ['smollm', 'smollm'],
    ['llama3', 'llama-bpe'],
    ['o200k', 'gpt-4o'],
  ])('%s as %s encodes as its tokenizer.json does', (kind, pre) => {
    const tokenizer = Tokenizer.fromGguf(
      metadataOf(converted(kind, { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': pre })),
    )
    for (const [i, input] of expected.inputs.entries()) {
      expect([...tokenizer.encode(input)], JSON.stringify(input)).toEqual(expected.kinds[kind]!.plain[i])
    }
  })

  it('adds BOS where the file or the pre-tokenizer says so', () => {
    const values = converted('llama3', {
      'tokenizer.ggml.model': 'gpt2',
      'tokenizer.ggml.pre': 'llama-bpe',
      'tokenizer.ggml.bos_token_id': 1,
      'tokenizer.ggml.eos_token_id': 2,
    })
    const first = (more: Values) => Tokenizer.fromGguf(metadataOf({ ...values, ...more })).encode('x', { special: true })[0]
    expect(first({})).toBe(1)
    expect(first({ 'tokenizer.ggml.add_bos_token': false })).not.toBe(1)
  })

  it.each(ggmlPreTokenizerNames)('knows the pre-tokenizer %s', (pre) => {
    const tokenizer = Tokenizer.fromGguf(
      metadataOf(converted('gpt2', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': pre })),
    )
    for (const input of expected.inputs) expect(tokenizer.decode(tokenizer.encode(input))).toBe(input)
  })
})

describe('vocabularies of raw UTF-8', () => {
  const fixture = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../test/fixtures/ggml-pre/${name}.json`, import.meta.url), 'utf8'))
  const names = ['gemma4', 'granite-embed-multi-311m', 'sarvam-moe', 'whitespace', 'whitespace lowercase']
  const gemma = (pre: string, more: Values = {}) =>
    Tokenizer.fromGguf(
      metadataOf(
        converted('gemma', {
          'tokenizer.ggml.model': 'gpt2',
          'tokenizer.ggml.pre': pre,
          'tokenizer.ggml.bos_token_id': 1,
          ...more,
        }),
      ),
    )

  it.each(names)('gives the ids of llama.cpp under the name %s', (pre) => {
    const [texts, raw] = [fixture('texts'), fixture('raw')]
    const known = isObject(raw) ? raw[pre] : undefined
    if (!Array.isArray(texts) || !isObject(known) || typeof known.ids !== 'string')
      throw new Error('the fixtures of ggml-pre are not what they were')
    const { bos, ids } = known
    const own = { 'tokenizer.ggml.model': 'whitespace', 'tokenizer.ggml.normalizer.lowercase': true }
    const tokenizer = pre.includes(' ') ? gemma('whitespace', own) : gemma(pre)
    const inputs = texts.filter((text: string) => Array.from(text).length < 300)
    expect(ids).toHaveLength(inputs.length * 8)
    const differ = inputs.filter((text: string, i: number) => {
      const hash = createHash('sha256')
        .update(JSON.stringify([...tokenizer.encode(text)]))
        .digest('hex')
      const wanted = ids.slice(i * 8, i * 8 + 8)
      return wanted !== '--------' && !hash.startsWith(wanted)
    })
    // Its small letter is two characters, as Hugging Face has it; llama.cpp keeps one.
    expect(differ.filter((text: string) => !text.includes('İ'))).toEqual([])
    expect(tokenizer.encode('x', { special: true })[0] === 1).toBe(bos)
  })

  it('give their texts back', () => {
    const tokenizer = gemma('gemma4')
    // ▁ is how a space is written.
    for (const input of expected.inputs.filter((text) => !text.includes('▁')))
      expect(tokenizer.decode(tokenizer.encode(input))).toBe(input)
  })

  it('take a run of line ends for the token that it is, where the model was trained so', () => {
    const values = converted('gemma', { 'tokenizer.ggml.model': 'gemma4' })
    const [names, kinds] = [values['tokenizer.ggml.tokens'], values['tokenizer.ggml.token_type']]
    if (!Array.isArray(names) || !Array.isArray(kinds)) throw new Error('no tokens')
    const [tokens, types] = [
      [...names, '\n\n'],
      [...kinds, 1],
    ]
    const more = { 'tokenizer.ggml.tokens': tokens, 'tokenizer.ggml.token_type': types }
    const last = tokens.length - 1
    const encode = (tokenizer: ReturnType<typeof gemma>, text: string) => [...tokenizer.encode(text)]
    const known = Tokenizer.fromGguf(metadataOf({ ...values, ...more }))
    expect(encode(known, 'a\n\nb')[1]).toBe(last)
    expect(encode(known, 'a\n\n\nb')).not.toContain(last)
    expect(encode(gemma('sarvam-moe', more), 'a\n\nb')).not.toContain(last)
    expect(known.encodeWithOffsets('a\n\nb').offsets.slice(2, 4)).toEqual(Uint32Array.of(1, 3))
  })
})

const pieces = ['▁', '▁a', 'ab', '▁ab', 'a', 'b', 'c', 'abc']
const sentencePiece: Values = {
  'tokenizer.ggml.model': 'llama',
  'tokenizer.ggml.tokens': [
    '<unk>',
    '<s>',
    '</s>',
    ...pieces,
    ...Array.from({ length: 256 }, (_, byte) => byteToken(byte)),
    '<|user|>',
  ],
  'tokenizer.ggml.scores': [0, 0, 0, -1.5, -3, -2, -4, -5, -5, -5, -1, ...new Array<number>(256).fill(0), 0],
  'tokenizer.ggml.token_type': [2, 3, 3, ...pieces.map(() => 1), ...new Array<number>(256).fill(6), 4],
}

describe('SentencePiece vocabularies', () => {
  const tokens = (values: Values, text: string, special = false) => {
    const tokenizer = Tokenizer.fromGguf(metadataOf(values))
    return Array.from(tokenizer.encode(text, { special }), (id) => tokenizer.token(id))
  }

  it('merges the neighbours of highest score first', () => {
    // ab (-2) before ▁a (-3); then abc (-1) before ▁ab (-4).
    expect(tokens(sentencePiece, 'abc')).toEqual(['▁', 'abc'])
    expect(tokens(sentencePiece, 'ab')).toEqual(['▁ab'])
    expect(tokens(sentencePiece, 'a ac')).toEqual(['▁a', '▁a', 'c'])
  })

  it('falls back to bytes', () => expect(tokens(sentencePiece, 'é\n')).toEqual(['▁', '<0xC3>', '<0xA9>', '<0x0A>']))

  it('writes a space before the text and after special tokens, and BOS', () => {
    expect(tokens(sentencePiece, 'b<|user|>b')).toEqual(['▁', 'b', '<|user|>', '▁', 'b'])
    expect(tokens(sentencePiece, 'b', true)).toEqual(['<s>', '▁', 'b'])
    expect(tokens({ ...sentencePiece, 'tokenizer.ggml.add_space_prefix': false }, 'b')).toEqual(['b'])
  })

  it('decodes without the space it added', () => {
    const tokenizer = Tokenizer.fromGguf(metadataOf(sentencePiece))
    for (const text of ['abc', ' abc', '  é 🎲', '']) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  it('lets the special tokens of Phi-3 take the white space after them', () => {
    expect(tokens({ ...sentencePiece, 'general.name': 'Phi-3-mini' }, '<|user|>\n b')).toEqual(['<|user|>', '▁', 'b'])
  })
})

describe('BERT vocabularies', () => {
  const values: Values = {
    'tokenizer.ggml.model': 'bert',
    'tokenizer.ggml.tokens': ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '▁uber', '▁the', 're', '▁.', '▁中'],
    'tokenizer.ggml.token_type': [3, 3, 3, 3, 1, 1, 1, 1, 1],
    'tokenizer.ggml.unknown_token_id': 1,
    'tokenizer.ggml.cls_token_id': 2,
    'tokenizer.ggml.seperator_token_id': 3,
  }
  const tokenizer = Tokenizer.fromGguf(metadataOf(values))

  it('matches the longest pieces of normalised words', () => {
    expect([...tokenizer.encode('Über thère. 中x')]).toEqual([4, 5, 6, 7, 8, 1])
    expect([...tokenizer.encode('the', { special: true })]).toEqual([2, 5, 3])
  })

  it('decodes to words', () => expect(tokenizer.decode([2, 4, 5, 6, 7, 3])).toBe('uber there.'))
})

describe('what ends a text', () => {
  it('comes from the metadata and from well-known names', () => {
    const tokenizer = Tokenizer.fromGguf(
      metadataOf({ ...sentencePiece, 'tokenizer.ggml.eot_token_id': 3, 'tokenizer.chat_template': '{{ messages }}' }),
    )
    expect(tokenizer.endIds).toEqual(new Set([2, 3]))
    expect(tokenizer.bosId).toBe(1)
    expect(tokenizer.eosId).toBe(2)
    expect(tokenizer.chatTemplate).toBe('{{ messages }}')
  })
})

describe('malformed metadata', () => {
  const bytes = converted('gpt2', { 'tokenizer.ggml.model': 'gpt2', 'tokenizer.ggml.pre': 'gpt-2' })
  const broken: readonly (readonly [string, Values, string])[] = [
    ['no model', {}, 'TOKENIZER_INVALID'],
    ['an unknown model', { 'tokenizer.ggml.model': 'constructor' }, 'TOKENIZER_UNSUPPORTED'],
    ['no tokens', { 'tokenizer.ggml.model': 'llama' }, 'TOKENIZER_INVALID'],
    ['tokens that are numbers', { 'tokenizer.ggml.model': 'llama', 'tokenizer.ggml.tokens': [1, 2] }, 'TOKENIZER_INVALID'],
    ['a token twice', { ...sentencePiece, 'tokenizer.ggml.tokens': ['a', 'a'] }, 'TOKENIZER_INVALID'],
    ['too few scores', { ...sentencePiece, 'tokenizer.ggml.scores': [1] }, 'TOKENIZER_INVALID'],
    ['too few types', { ...sentencePiece, 'tokenizer.ggml.token_type': [1] }, 'TOKENIZER_INVALID'],
    ['an unknown pre-tokenizer', { ...bytes, 'tokenizer.ggml.pre': 'toString' }, 'TOKENIZER_UNSUPPORTED'],
    ['a merge of one token', { ...bytes, 'tokenizer.ggml.merges': ['ab'] }, 'TOKENIZER_INVALID'],
    ['a merge of unknown tokens', { ...bytes, 'tokenizer.ggml.merges': ['quux quuux'] }, 'TOKENIZER_INVALID'],
    ['no merges', { ...bytes, 'tokenizer.ggml.merges': 'none' }, 'TOKENIZER_INVALID'],
  ]
  it.each(broken)('is refused: %s', (_, values, code) => {
    try {
      Tokenizer.fromGguf(metadataOf(values))
      expect.unreachable()
    } catch (error) {
      expect(QtError.isInstance(error) && error.code).toBe(code)
      expect(QtError.isInstance(error) && error.where?.field).toMatch(/^tokenizer\.ggml\./)
    }
  })

  it('ignores special ids that are out of range', () => {
    const tokenizer = Tokenizer.fromGguf(metadataOf({ ...bytes, 'tokenizer.ggml.bos_token_id': 4_000_000_000 }))
    expect(tokenizer.bosId).toBeUndefined()
  })
})
