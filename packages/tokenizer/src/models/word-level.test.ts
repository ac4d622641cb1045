import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isObject, listAt, objectAt, textAt } from '../fields.js'
import { Tokenizer } from '../tokenizer.js'

const made: unknown = JSON.parse(readFileSync(new URL('../../test/fixtures/word-level/expected.json', import.meta.url), 'utf8'))
if (!isObject(made)) throw new Error('word-level.json is not what it was')
const inputs = listAt(made.inputs, 'inputs').map((text) => textAt(text, 'input'))

describe('whole words as tokens', () => {
  it.each(Object.entries(objectAt(made.kinds, 'kinds')))('gives the ids and texts of Hugging Face: %s', (name, kind) => {
    const { json, ids, texts } = objectAt(kind, name)
    const tokenizer = Tokenizer.fromJson(json)
    for (const [i, input] of inputs.entries()) {
      const own = tokenizer.encode(input)
      expect([...own], JSON.stringify(input)).toEqual(listAt(ids, 'ids')[i])
      expect(tokenizer.decode(own), JSON.stringify(input)).toBe(listAt(texts, 'texts')[i])
    }
  })

  it('cuts at one character, and by five where no length is said', () => {
    const vocab = { '[UNK]': 0, abcde: 1, fg: 2, a: 3, b: 4 }
    const cut = (step: unknown) =>
      Tokenizer.fromJson({ model: { type: 'WordLevel', vocab, unk_token: '[UNK]' }, pre_tokenizer: step })
    expect([...cut({ type: 'FixedLength' }).encode('abcdefg')]).toEqual([1, 2])
    expect([...cut({ type: 'CharDelimiterSplit', delimiter: '🦙' }).encode('a🦙b')]).toEqual([3, 4])
    for (const delimiter of ['', 'ab', '🦙🦙'])
      expect(() => cut({ type: 'CharDelimiterSplit', delimiter })).toThrow('has to be one character')
    expect(() => cut({ type: 'FixedLength', length: 0 })).toThrow('has to be a whole number')
  })

  it('says which word is missing where there is no unknown token', () => {
    const tokenizer = Tokenizer.fromJson({
      model: { type: 'WordLevel', vocab: { known: 0 }, unk_token: '[UNK]' },
      pre_tokenizer: { type: 'WhitespaceSplit' },
    })
    expect([...tokenizer.encode('known known')]).toEqual([0, 0])
    expect(() => tokenizer.encode('known unheard')).toThrow('"unheard"')
  })
})
