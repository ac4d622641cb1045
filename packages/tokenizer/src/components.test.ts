import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Encoding } from './encoding.js'
import { Tokenizer } from './tokenizer.js'

type Numbers = readonly number[]

/** What Hugging Face's tokenizers gave for each part by itself; made by fixtures/components/make_components.py. It counts code points. */
interface Expected {
  readonly texts: readonly string[]
  readonly pairs: readonly (readonly [string, string])[]
  readonly models: readonly object[]
  readonly kinds: Readonly<
    Record<
      string,
      {
        readonly json: { readonly model: number }
        readonly ids: readonly Numbers[]
        readonly offsets?: readonly Numbers[]
        readonly framed?: readonly (readonly Numbers[])[]
        readonly pairs?: readonly (readonly Numbers[])[]
      }
    >
  >
  readonly dropout: {
    readonly text: string
    readonly rate: number
    readonly count: number
    readonly model: object
    readonly ways: Readonly<Record<string, number>>
  }
  readonly vocabulary: object
  readonly lists: readonly Numbers[]
  readonly decoders: readonly { readonly decoder: object | null; readonly texts: readonly string[] }[]
}

const expected: Expected = JSON.parse(readFileSync(new URL('../test/fixtures/components/expected.json', import.meta.url), 'utf8'))

function points({ offsets, texts }: Encoding, sources: readonly string[]): number[] {
  return Array.from(offsets, (offset, i) => {
    const text = texts[i >> 1]!
    return text < 0 ? 0 : [...sources[text]!.slice(0, offset)].length
  })
}

const rows = (encoding: Encoding, sources: readonly string[]): Numbers[] => [
  [...encoding.ids],
  [...encoding.types],
  points(encoding, sources),
  [...encoding.special],
]

describe.each(Object.entries(expected.kinds))('%s', (_, { json, ids, offsets, framed, pairs }) => {
  const tokenizer = Tokenizer.fromJson({ ...json, model: expected.models[json.model] })

  it('gives the ids and places of Hugging Face', () => {
    for (const [i, text] of expected.texts.entries()) {
      const encoding = tokenizer.encodeWithOffsets(text)
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids[i])
      expect([...encoding.ids], JSON.stringify(text)).toEqual(ids[i])
      if (offsets) expect(points(encoding, [text]), JSON.stringify(text)).toEqual(offsets[i])
    }
  })

  it.skipIf(framed === undefined)('frames one text and two', () => {
    for (const [i, known] of (framed ?? []).entries()) {
      const text = expected.texts[i]!
      expect(rows(tokenizer.encodeWithOffsets(text, { special: true }), [text]), JSON.stringify(text)).toEqual(known)
      expect([...tokenizer.encode(text, { special: true })], JSON.stringify(text)).toEqual(known[0])
    }
    for (const [i, known] of (pairs ?? []).entries()) {
      const pair = expected.pairs[i % expected.pairs.length]!
      const special = i >= expected.pairs.length
      expect(rows(tokenizer.encodeWithOffsets(pair, { special }), pair), JSON.stringify([pair, special])).toEqual(known)
    }
  })
})

it('writes the bytes of prefixes and suffixes of long words', () => {
  const { json } = expected.kinds['bpe with both and bytes']!
  const tokenizer = Tokenizer.fromJson({ ...json, model: expected.models[json.model] })
  const word = '敏'.repeat(300)
  const ids = [...tokenizer.encode(word)]
  expect(ids.map((id) => tokenizer.token(id)).slice(-4)).toEqual(['<0x3C>', '<0x2F>', '<0x77>', '<0x3E>'])
  expect(ids).toHaveLength(300 * 3 + 299 * 2 + 4)
  expect([...tokenizer.encodeWithOffsets(word).ids]).toEqual(ids)
})

describe('BPE dropout', () => {
  const { text, rate, count, model, ways } = expected.dropout
  const file = { model: { ...model, dropout: rate } }
  const tokens = (tokenizer: Tokenizer) => Array.from(tokenizer.encode(text), (id) => tokenizer.token(id)).join(' ')

  it('cuts words in as many ways as often as Hugging Face', () => {
    const tokenizer = Tokenizer.fromJson(file)
    const own = new Map<string, number>()
    for (let i = 0; i < count; i++) {
      const way = tokens(tokenizer)
      own.set(way, (own.get(way) ?? 0) + 1)
    }
    for (const way of new Set([...own.keys(), ...Object.keys(ways)])) {
      const [mine, theirs] = [own.get(way) ?? 0, ways[way] ?? 0]
      // Five standard deviations of the difference of two counts.
      expect(Math.abs(mine - theirs), way).toBeLessThanOrEqual(5 * Math.sqrt(mine + theirs))
    }
  })

  it('is repeated by its seed, and another seed is another one', () => {
    const some = (seed?: number) => {
      const tokenizer = Tokenizer.fromJson(file, { dropout: seed === undefined ? {} : { seed } })
      return Array.from({ length: 30 }, () => tokens(tokenizer))
    }
    expect(some()).toEqual(some(0))
    expect(some(7)).toEqual(some(7))
    expect(some(7)).not.toEqual(some(0))
  })

  it('is switched off, or on, by the rate given', () => {
    const whole = tokens(Tokenizer.fromJson({ model }))
    expect(tokens(Tokenizer.fromJson(file, { dropout: { rate: 0 } }))).toBe(whole)
    expect(tokens(Tokenizer.fromJson({ model }, { dropout: { rate: 1 } }))).toBe([...text].join(' '))
    for (const wrong of [-0.1, 1.1, Number.NaN])
      expect(() => Tokenizer.fromJson({ model }, { dropout: { rate: wrong } })).toThrow('from 0 to 1')
  })

  it('gives a text back whatever is left out', () => {
    const json = expected.kinds['dropout of all']!.json
    const tokenizer = Tokenizer.fromJson(
      { ...json, model: expected.models[json.model], decoder: { type: 'ByteLevel' } },
      { dropout: { rate: 0.5 } },
    )
    for (const source of expected.texts) {
      const known = source.replaceAll(/[^a-z ]/g, '')
      expect(tokenizer.decode(tokenizer.encode(known))).toBe(known)
    }
  })
})

describe('decoders', () => {
  it.each(expected.decoders.map((one) => [JSON.stringify(one.decoder), one] as const))('%s', (_, { decoder, texts }) => {
    const tokenizer = Tokenizer.fromJson({ model: expected.vocabulary, decoder })
    for (const [i, list] of expected.lists.entries()) {
      // Bytes that are no UTF-8 become U+FFFD as TextDecoder does it.
      if (texts[i]!.includes('\ufffd') && JSON.stringify(decoder).includes('ByteFallback')) continue
      const tokens = JSON.stringify(list.map((id) => tokenizer.token(id)))
      expect(tokenizer.decode(list, { special: true }), tokens).toBe(texts[i])
      const stream = tokenizer.stream({ special: true })
      expect(list.map((id) => stream.push(id)).join('') + stream.end(), tokens).toBe(texts[i])
    }
  })
})
