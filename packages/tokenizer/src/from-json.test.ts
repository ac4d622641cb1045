import { QtError } from '@qt/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kinds, readFixture } from '../test/fixtures.js'
import { Tokenizer } from './tokenizer.js'

const bpe = (model: object, more: object = {}) => ({
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
  post_processor: null,
  decoder: null,
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']], ...model },
  ...more,
})

describe('special tokens', () => {
  const json = readFixture('llama3.json')

  it('take their names from tokenizer_config.json', () => {
    const tokenizer = Tokenizer.fromJson(json, {
      config: {
        bos_token: '<s>',
        eos_token: { content: '</s>' },
        chat_template: [
          { name: 'tool_use', template: 't' },
          { name: 'default', template: 'd' },
        ],
      },
      generation: { eos_token_id: [3, 99999] },
    })
    expect(tokenizer.bosId).toBe(tokenizer.id('<s>'))
    expect(tokenizer.eosId).toBe(tokenizer.id('</s>'))
    expect(tokenizer.endIds).toEqual(new Set([tokenizer.id('</s>'), 3]))
    expect(tokenizer.chatTemplate).toBe('d')
  })

  it('are known by their usual names otherwise', () => {
    const tokenizer = Tokenizer.fromJson(json)
    expect(tokenizer.bosId).toBe(tokenizer.id('<s>'))
    expect(tokenizer.eosId).toBe(tokenizer.id('</s>'))
    expect(Tokenizer.fromJson(json, { config: { bos_token: null } }).bosId).toBeUndefined()
  })

  it('frame the text when only the configuration asks for it', () => {
    const config = { bos_token: '<s>', eos_token: '</s>', add_bos_token: true, add_eos_token: true }
    const tokenizer = Tokenizer.fromJson(readFixture('gpt2.json'), { config })
    expect([...tokenizer.encode('', { special: true })]).toEqual([tokenizer.id('<s>'), tokenizer.id('</s>')])
  })
})

describe('older files', () => {
  it('may leave the type out and write merges as lines', () => {
    const tokenizer = Tokenizer.fromJson(bpe({ type: undefined, merges: ['a b'] }))
    expect([...tokenizer.encode('abba')]).toEqual([2, 1, 0])
  })
})

describe('gaps between ids', () => {
  it('are no tokens', () => {
    const tokenizer = Tokenizer.fromJson(bpe({ vocab: { a: 0, b: 7, ab: 9 } }))
    expect(tokenizer.vocabularySize).toBe(10)
    expect(tokenizer.token(5)).toBeUndefined()
    expect([...tokenizer.encode('abb')]).toEqual([9, 7])
    expect(() => tokenizer.decode([5])).toThrow(expect.objectContaining({ code: 'TOKENIZER_UNKNOWN_ID' }))
  })
})

let abyss: unknown = null
for (let depth = 0; depth < 50_000; depth++) abyss = { type: 'Sequence', normalizers: [abyss] }

describe('malformed files', () => {
  const template = (single: unknown, special_tokens: unknown = {}) => ({
    post_processor: { type: 'TemplateProcessing', single, special_tokens },
  })
  const broken: readonly (readonly [string, unknown, string])[] = [
    ['not an object', [], 'TOKENIZER_INVALID'],
    ['null', null, 'TOKENIZER_INVALID'],
    ['no model', {}, 'TOKENIZER_INVALID'],
    ['a model without a type', { model: {} }, 'TOKENIZER_INVALID'],
    ['an unknown model', { model: { type: 'Markov' } }, 'TOKENIZER_UNSUPPORTED'],
    ['no vocabulary', bpe({ vocab: undefined }), 'TOKENIZER_INVALID'],
    ['no merges', bpe({ merges: undefined }), 'TOKENIZER_INVALID'],
    ['an id that is no number', bpe({ vocab: { a: 'x' } }), 'TOKENIZER_INVALID'],
    ['a negative id', bpe({ vocab: { a: -1 } }), 'TOKENIZER_INVALID'],
    ['a fractional id', bpe({ vocab: { a: 0.5 } }), 'TOKENIZER_INVALID'],
    ['a gigantic id', bpe({ vocab: { a: 4_000_000_000 } }), 'TOKENIZER_INVALID'],
    ['an id twice', bpe({ vocab: { a: 0, b: 0, ab: 1 } }), 'TOKENIZER_INVALID'],
    ['a merge of unknown tokens', bpe({ merges: [['a', 'z']] }), 'TOKENIZER_INVALID'],
    ['a merge to an unknown token', bpe({ merges: [['b', 'a']] }), 'TOKENIZER_INVALID'],
    ['a merge of three', bpe({ merges: ['a b c'] }), 'TOKENIZER_INVALID'],
    ['a merge of nothing', bpe({ merges: [['', 'a']] }), 'TOKENIZER_INVALID'],
    ['a dropout above one', bpe({ dropout: 1.5 }), 'TOKENIZER_INVALID'],
    ['an added token without text', bpe({}, { added_tokens: [{ id: 3, content: '' }] }), 'TOKENIZER_INVALID'],
    ['an added token with the id of another', bpe({}, { added_tokens: [{ id: 1, content: 'x' }] }), 'TOKENIZER_INVALID'],
    ['an added token with two ids', bpe({}, { added_tokens: [{ id: 5, content: 'a' }] }), 'TOKENIZER_INVALID'],
    ['an unknown normalizer', bpe({}, { normalizer: { type: 'Rot13' } }), 'TOKENIZER_UNSUPPORTED'],
    ['an unknown pre-tokenizer', bpe({}, { pre_tokenizer: { type: 'Wordish' } }), 'TOKENIZER_UNSUPPORTED'],
    ['an unknown decoder', bpe({}, { decoder: { type: 'Whisper' } }), 'TOKENIZER_UNSUPPORTED'],
    ['an unknown post-processor', bpe({}, { post_processor: { type: 'Magic' } }), 'TOKENIZER_UNSUPPORTED'],
    [
      'a pattern that is broken',
      bpe({}, { pre_tokenizer: { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' } }),
      'TOKENIZER_INVALID',
    ],
    ['a template without the text', bpe({}, template([])), 'TOKENIZER_INVALID'],
    [
      'a template of unknown tokens',
      bpe({}, template([{ SpecialToken: { id: 'x' } }, { Sequence: { id: 'A' } }])),
      'TOKENIZER_INVALID',
    ],
    ['Unigram over a vocabulary of BPE', { model: { type: 'Unigram', vocab: { a: 1 } } }, 'TOKENIZER_INVALID'],
    ['Unigram with an unknown unknown', { model: { type: 'Unigram', vocab: [['a', -1]], unk_id: 7 } }, 'TOKENIZER_INVALID'],
    [
      'WordPiece without its unknown token',
      { model: { type: 'WordPiece', vocab: { a: 0 }, unk_token: '[UNK]' } },
      'TOKENIZER_INVALID',
    ],
    [
      'a template that repeats what has special tokens',
      bpe(
        {},
        {
          post_processor: {
            type: 'Sequence',
            processors: [
              { type: 'BertProcessing', cls: ['a', 0], sep: ['b', 1] },
              { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A' } }, { Sequence: { id: 'A' } }], special_tokens: {} },
            ],
          },
        },
      ),
      'TOKENIZER_UNSUPPORTED',
    ],
    [
      'a post-processor after a template',
      bpe(
        {},
        {
          post_processor: {
            type: 'Sequence',
            processors: [
              { type: 'TemplateProcessing', single: [{ Sequence: { id: 'A' } }], special_tokens: {} },
              { type: 'BertProcessing', cls: ['a', 0], sep: ['b', 1] },
            ],
          },
        },
      ),
      'TOKENIZER_UNSUPPORTED',
    ],
  ]
  it.each(broken)('are refused: %s', (_, json, code) => {
    try {
      Tokenizer.fromJson(json)
      expect.unreachable()
    } catch (error) {
      expect(QtError.isInstance(error) ? error.code : error).toBe(code)
      expect(QtError.isInstance(error) && error.where?.field).toBeTruthy()
    }
  })

  it('never fail in another way, whatever part of a real file is replaced', () => {
    const junk = fc.oneof(
      fc.constant(null),
      fc.constant({}),
      fc.constant([]),
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant([[]]),
    )
    const paths = (value: unknown, depth: number): string[][] =>
      typeof value !== 'object' || value === null || depth > 4
        ? [[]]
        : [
            [],
            ...Object.entries(value)
              .slice(0, 8)
              .flatMap(([key, inner]) => paths(inner, depth + 1).map((path) => [key, ...path])),
          ]
    for (const kind of kinds) {
      const text = JSON.stringify(readFixture(`${kind}.json`))
      fc.assert(
        fc.property(fc.constantFrom(...paths(JSON.parse(text), 0)), junk, (path, value) => {
          const json: unknown = path.length === 0 ? value : replaced(JSON.parse(text), path, value)
          try {
            Tokenizer.fromJson(json).encode('a b é')
          } catch (error) {
            if (!QtError.isInstance(error)) throw error
          }
        }),
        { numRuns: 100 },
      )
    }
  }, 60_000)
})

function replaced(tree: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path
  if (key === undefined) return value
  if (Array.isArray(tree)) return tree.map((item, i) => (String(i) === key ? replaced(item, rest, value) : item))
  if (typeof tree !== 'object' || tree === null) return value
  return Object.fromEntries(Object.entries(tree).map(([name, item]) => [name, name === key ? replaced(item, rest, value) : item]))
}
