import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { expected } from '../../test/fixtures.js'
import { hardText } from '../../test/texts.js'
import { sourceHash as hashOfSource } from '../../wasm/build.mjs'
import { byteCharacters } from '../bytes.js'
import { Ids } from '../ids.js'
import { gpt2Pattern, handWritten } from '../known-patterns.js'
import { bpe } from '../models/bpe.js'
import type { Model } from '../models/model.js'
import type { Scan } from '../scan.js'
import { Tokenizer } from '../tokenizer.js'
import { trainBpe } from '../train/train-bpe.js'
import { wellFormed } from '../unicode.js'
import { vocabularyOf } from '../vocabulary.js'
import { byteEncoder } from './byte-encoder.js'
import { sourceHash } from './encode.wasm.js'

// Other work may share the machine.
vi.setConfig({ testTimeout: 120_000 })

const trained = await trainBpe([...expected.training.texts, 'Grüß Gott, 中文 и русский'.repeat(20)], { vocabularySize: 700 })
const options = {
  vocabulary: vocabularyOf(Object.keys(trained.model.vocab), 'vocab'),
  merges: trained.model.merges,
  field: 'merges',
  byteLevel: true,
}

const oneByOne = (scan: Scan, model: Model, text: string): number[] => {
  const out = new Ids()
  const whole = wellFormed(text)
  scan(whole, 0, whole.length, (from, to) => model.encode(whole, from, to, out))
  return [...out.toArray()]
}
const encoderOf = (scan: Scan, model: Model) => {
  const encode = byteEncoder(model, model.byteMerges!, scan.rules!)!
  return (text: string): number[] => {
    const out = new Ids()
    expect(encode(text, out)).toBe(text.length)
    return [...out.toArray()]
  }
}

describe('the encoder in WebAssembly', () => {
  it('is compiled from the source that lies beside it', () => expect(sourceHash).toBe(hashOfSource()))

  it.each([...handWritten])('gives the ids of the scanner and the merges: %s', (_pattern, scan) => {
    const model = bpe(options)
    const encode = encoderOf(scan, model)
    fc.assert(
      fc.property(hardText, (text) => {
        expect(encode(text)).toEqual(oneByOne(scan, model, text))
      }),
      { numRuns: 1500 },
    )
  })

  it.each([...handWritten])('gives them wherever a part of a long text ends: %s', (_pattern, scan) => {
    const model = bpe({ ...options, ignoreMerges: true })
    const encode = encoderOf(scan, model)
    fc.assert(
      fc.property(fc.array(hardText, { minLength: 1, maxLength: 20 }), fc.nat(300), (parts, shift) => {
        const once = parts.join('x') + ' '.repeat(shift)
        const text = ' '.repeat(shift) + once.repeat(Math.ceil(60_000 / (once.length + 1)))
        expect(encode(text)).toEqual(oneByOne(scan, model, text))
      }),
      { numRuns: 12 },
    )
  })

  it.each(['a'.repeat(300_000), ' '.repeat(300_000), `${'ab'.repeat(50_000)} ${'\n'.repeat(100_000)}x`, '中'.repeat(90_000)])(
    'gives them for words that are longer than a part',
    (text) => {
      const scan = handWritten.get(gpt2Pattern)!
      const model = bpe(options)
      expect(encoderOf(scan, model)(text)).toEqual(oneByOne(scan, model, text))
    },
  )

  it('leaves a word that would take megabytes for ever to the caller, and a rest where there is no more memory', () => {
    const scan = handWritten.get(gpt2Pattern)!
    const model = bpe(options)
    const encode = byteEncoder(model, model.byteMerges!, scan.rules!)!
    const parts = (text: string) => {
      const out = new Ids()
      const done = encode(text, out)
      return { done, ids: [...out.toArray(), ...oneByOne(scan, model, text.slice(done))] }
    }
    const giant = `Grüß 🎲 \ud800${' ö'.repeat(10)}${'я'.repeat(600_000)} end`
    const start = giant.indexOf('я')
    // The word begins with a space and an ö.
    expect(parts(giant).done).toBe(start - 2)
    expect(parts(giant).ids).toEqual(oneByOne(scan, model, giant))
    expect(parts('a b').done).toBe(3)
    const grow = vi.spyOn(WebAssembly.Memory.prototype, 'grow').mockImplementation(() => {
      throw new RangeError('WebAssembly.Memory.grow(): Unable to grow instance memory')
    })
    try {
      const fresh = `x ${'y'.repeat(1_200_000)} z`
      expect(parts(fresh).ids).toEqual(oneByOne(scan, model, fresh))
      expect(byteEncoder(model, model.byteMerges!, scan.rules!)).toBeUndefined()
    } finally {
      grow.mockRestore()
    }
  })

  it('knows the words that are tokens though no merge makes them, of any length', () => {
    const scan = handWritten.get(gpt2Pattern)!
    const lengths = [1, 2, 7, 8, 9, 15, 16, 17, 32, 63, 64, 65, 90]
    const words = [
      ...lengths.map((length) => 'qzxv'.repeat(30).slice(0, length)),
      'яжя',
      'яжяжяжяжяжя',
      ' zqzq',
      ' zqzqzqzqzqzqzqzqzqzq',
    ]
    const names = words.map((word) => Array.from(new TextEncoder().encode(word), (byte) => byteCharacters[byte]!).join(''))
    const known = Object.keys(trained.model.vocab)
    const vocabulary = vocabularyOf([...known, ...names.filter((name) => !known.includes(name))], 'vocab')
    for (const ignoreMerges of [true, false]) {
      const model = bpe({ ...options, vocabulary, ignoreMerges })
      const encode = encoderOf(scan, model)
      for (const [index, word] of words.entries()) {
        const ids = encode(word)
        expect(ids).toEqual(oneByOne(scan, model, word))
        expect(ids[0] === vocabulary.ids.get(names[index]!)).toBe(ignoreMerges || word.length === 1)
        // Nearly the same, and no token.
        for (const other of [`${word}z`, word.slice(0, -1)]) expect(encode(other)).toEqual(oneByOne(scan, model, other))
      }
    }
  })

  it('leaves out bytes that the vocabulary lacks, as the other does', () => {
    const scan = handWritten.get(gpt2Pattern)!
    const model = bpe({ ...options, vocabulary: vocabularyOf(byteCharacters.slice(0, 120), 'vocab'), merges: [] })
    expect(encoderOf(scan, model)('a b\u0001ü z')).toEqual(oneByOne(scan, model, 'a b\u0001ü z'))
  })

  const vocabulary = fileURLToPath(new URL('../../../../../shared/data/vocab/', import.meta.url))
  it.runIf(existsSync(vocabulary)).each(['llama-bpe', 'qwen2', 'gpt-2'])('gives them for the vocabulary of %s', async (name) => {
    const path = `${vocabulary}/ggml-vocab-${name}.gguf`
    const [long, short] = [await Tokenizer.load(path), await Tokenizer.load(path)]
    const lines = fc.sample(hardText, { numRuns: 500, seed: 7 }).map((text) => `const word = '${text}' // a comment\n`)
    // Past its first characters it has begun with the tables; the other has not, after so few.
    long.encode('x '.repeat(50_000))
    for (const line of lines) expect(long.encode(line)).toEqual(short.encode(line))
  })
})
