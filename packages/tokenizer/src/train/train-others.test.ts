import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { expected } from '../../test/fixtures.js'
import { Tokenizer } from '../tokenizer.js'
import { extendTokenizer } from './extend-tokenizer.js'
import { trainBpe } from './train-bpe.js'
import { trainUnigram } from './train-unigram.js'
import { trainWordPiece } from './train-word-piece.js'

const { texts } = expected.training
const loaded = (json: unknown) => Tokenizer.fromJson(JSON.parse(JSON.stringify(json)))
const tokensOf = (tokenizer: ReturnType<typeof loaded>, text: string) =>
  [...tokenizer.encode(text)].map((id) => tokenizer.token(id))

describe('trainBpe', () => {
  it('keeps digits apart, and blanks of code together, when told to', async () => {
    const code = ['if (n == 1234) {\n        return 1234\n        }\n'.repeat(20)]
    const whole = loaded(await trainBpe(code, { vocabularySize: 300 }))
    expect(tokensOf(whole, ' 1234')).toEqual(['Ġ1234'])
    for (const words of ['digits', 'code'] as const) {
      const apart = loaded(await trainBpe(code, { vocabularySize: 300, words }))
      expect(tokensOf(apart, ' 1234'), words).toEqual(['Ġ', '1', '2', '3', '4'])
      expect(apart.decode(apart.encode(code[0]!))).toBe(code[0])
    }
  })
})

describe('trainWordPiece', () => {
  it('makes pieces that begin words and pieces that continue them', async () => {
    const json = await trainWordPiece(['unhappy unhappily happy happily', 'UNHAPPY Happy'], { vocabularySize: 26 })
    const tokenizer = loaded(json)
    expect(tokenizer.vocabularySize).toBe(26)
    const pieces = tokensOf(tokenizer, 'Unhappily happy')
    expect(pieces.filter((piece) => !piece!.startsWith('##'))).toHaveLength(2)
    expect(pieces.map((piece) => piece!.replace('##', '')).join('')).toBe('unhappilyhappy')
    expect(tokensOf(tokenizer, 'zebra')).toEqual(['[UNK]'])
  })

  it('gives the same file whatever the order of the texts', async () => {
    const options = { vocabularySize: 200, minFrequency: 2 }
    const once = JSON.stringify(await trainWordPiece(texts, options))
    expect(JSON.stringify(await trainWordPiece(texts.toReversed(), options))).toBe(once)
  })
})

describe('trainUnigram', () => {
  it('finds the words that repeat, keeps every character, and has the size asked for', async () => {
    const corpus = ['the cat sat on the mat', 'the dog sat on the log', 'the cat and the dog'].flatMap((line) =>
      Array.from({ length: 9 }, () => line),
    )
    const tokenizer = loaded(await trainUnigram(corpus, { vocabularySize: 22, specialTokens: ['<s>'] }))
    expect(tokenizer.vocabularySize).toBe(22)
    expect(tokensOf(tokenizer, 'the cat').length).toBeLessThan(5)
    expect(tokensOf(tokenizer, 'gnome').includes('<unk>')).toBe(false)
    expect(tokenizer.decode(tokenizer.encode('the mat and the log'))).toBe('the mat and the log')
    expect(tokenizer.id('<s>')).toBe(1)
  })

  it('gives the same file whatever the order of the texts', async () => {
    const once = JSON.stringify(await trainUnigram(texts, { vocabularySize: 150 }))
    expect(JSON.stringify(await trainUnigram(texts.toReversed(), { vocabularySize: 150 }))).toBe(once)
  })

  it('leaves the rarest characters out when there is not room for all', async () => {
    const tokenizer = loaded(await trainUnigram(['aaa bbb aaa c'], { vocabularySize: 4 }))
    expect(tokensOf(tokenizer, 'c').includes('<unk>')).toBe(true)
    await expect(trainUnigram(['a'], { vocabularySize: 1 })).rejects.toSatisfy(QtError.isInstance)
  })
})

describe('extendTokenizer', () => {
  it('keeps every id, learns from new texts, and makes no text longer', async () => {
    const base = await trainBpe(texts, { vocabularySize: 400, specialTokens: ['<|endoftext|>'] })
    const fresh = ['quantised tensors and quantised weights', 'tensors of quantised weights'].map((text) => `${text} `.repeat(9))
    const json = await extendTokenizer(base, fresh, { learn: 15, specialTokens: ['<|tool|>', '<|endoftext|>'] })
    const [before, after] = [loaded(base), loaded(json)]
    expect(after.vocabularySize).toBe(before.vocabularySize + 16)
    for (let id = 0; id < before.vocabularySize; id++) expect(after.token(id)).toBe(before.token(id))
    expect(after.id('<|tool|>')).toBe(before.vocabularySize)
    expect([...after.encode('<|tool|>', { special: true })]).toEqual([before.vocabularySize])
    for (const text of [...texts, ...fresh]) {
      expect(after.encode(text).length).toBeLessThanOrEqual(before.encode(text).length)
      expect(after.decode(after.encode(text))).toBe(text)
    }
    expect(after.encode(fresh[0]!).length).toBeLessThan(before.encode(fresh[0]!).length)
  })

  it('refuses what is no BPE, and numbers that are none', async () => {
    const unigram = await trainUnigram(['a b'], { vocabularySize: 4 })
    await expect(extendTokenizer(unigram, [], { learn: 1 })).rejects.toMatchObject({ code: 'TOKENIZER_UNSUPPORTED' })
    const base = await trainBpe(['a'], { vocabularySize: 256 })
    await expect(extendTokenizer(base, [], { learn: -1 })).rejects.toMatchObject({ code: 'VOCABULARY_SIZE' })
  })
})

describe('options of trainers', () => {
  it.each([{ shrink: 1 }, { shrink: Number.NaN }, { longest: 0 }, { seeds: 1.5 }])('refuses %o for Unigram', async (option) => {
    const field = Object.keys(option)[0]
    await expect(trainUnigram(['to be'], { vocabularySize: 20, ...option })).rejects.toMatchObject({
      code: 'UNIGRAM_OPTION',
      where: { field },
    })
  })

  it('stops within a round of Unigram when told to', async () => {
    const texts = Array.from({ length: 20_000 }, (_, i) => `word${(i * 2654435761) % 1_000_003} part${(i * 40503) % 65_521}`)
    const abort = new AbortController()
    let seen = 0
    const run = trainUnigram(texts, {
      vocabularySize: 100,
      signal: abort.signal,
      onProgress: ({ phase, done }) => {
        // The first candidates are being looked for: no round is over.
        if (phase === 'merge' && done === 0) abort.abort()
        seen++
      },
    })
    await expect(run).rejects.toMatchObject({ code: 'INTERRUPTED' })
    expect(seen).toBeGreaterThan(0)
  })
})

describe('merges that are there', () => {
  it('keep their rank when a new one makes them reachable', async () => {
    const json = {
      pre_tokenizer: { type: 'Whitespace' },
      model: {
        type: 'BPE',
        vocab: { a: 0, b: 1, c: 2, d: 3, ab: 4, abc: 5, cd: 6 },
        merges: [
          ['ab', 'c'],
          ['c', 'd'],
        ],
      },
    }
    const { model } = await extendTokenizer(json, ['abc abc abc ab'], { learn: 3 })
    expect(model).toMatchObject({
      merges: [
        ['ab', 'c'],
        ['c', 'd'],
        ['a', 'b'],
      ],
    })
  })
})
