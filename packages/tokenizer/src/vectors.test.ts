import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Tokenizer } from './tokenizer.js'

const folder = new URL('../../../../shared/data/vocab/', import.meta.url)
const vocabularies = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.gguf')) : []
if (vocabularies.length === 0) console.log('skipped: the vectors of real vocabularies, since ../shared/data/vocab is not there')

describe.skipIf(vocabularies.length === 0)('llama.cpp vectors', () => {
  it.each(vocabularies)(
    '%s',
    async (name) => {
      const file = new URL(name, folder)
      const tokenizer = await Tokenizer.load(file.pathname)
      const inputs = readFileSync(`${file.pathname}.inp`, 'utf8').split('\n__ggml_vocab_test__\n')
      const expected = readFileSync(`${file.pathname}.out`, 'utf8').split('\n').slice(0, inputs.length)
      expect(inputs.length).toBeGreaterThan(40)
      for (const [i, input] of inputs.entries()) {
        const ids = [...tokenizer.encode(input)]
        expect(ids, JSON.stringify(input)).toEqual((expected[i] ?? '').trim().split(/\s+/).filter(Boolean).map(Number))
        if (!name.includes('bert')) expect(tokenizer.decode(ids)).toBe(input)
      }
    },
    60_000,
  )
})
