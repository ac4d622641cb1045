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

  it('says which word is missing where there is no unknown token', () => {
    const tokenizer = Tokenizer.fromJson({
      model: { type: 'WordLevel', vocab: { known: 0 }, unk_token: '[UNK]' },
      pre_tokenizer: { type: 'WhitespaceSplit' },
    })
    expect([...tokenizer.encode('known known')]).toEqual([0, 0])
    expect(() => tokenizer.encode('known unheard')).toThrow('"unheard"')
  })
})
