import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { kinds, readFixture } from '../test/fixtures.js'
import { hardText } from '../test/texts.js'
import { Tokenizer } from './tokenizer.js'
import { wellFormed } from './unicode.js'

const load = (kind: string) => Tokenizer.fromJson(readFixture(`${kind}.json`))
const byteLevel = ['gpt2', 'smollm', 'llama3', 'o200k', 'cl100k']

describe('encode and decode', () => {
  it.each(byteLevel)('%s gives back every text', (kind) => {
    const tokenizer = load(kind)
    fc.assert(
      fc.property(hardText, (text) => {
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(wellFormed(text))
      }),
      { numRuns: 500 },
    )
  })

  it.each(kinds)('%s streams what it decodes', (kind) => {
    const tokenizer = load(kind)
    const ids = fc.array(fc.nat(tokenizer.vocabularySize - 1), { maxLength: 30 })
    fc.assert(
      fc.property(ids, fc.boolean(), (list, special) => {
        const stream = tokenizer.stream({ special })
        expect(list.map((id) => stream.push(id)).join('') + stream.end()).toBe(tokenizer.decode(list, { special }))
      }),
      { numRuns: 300 },
    )
  })

  it('never streams half a character', () => {
    const tokenizer = load('gpt2')
    const stream = tokenizer.stream()
    const pushed = Array.from(tokenizer.encode('🎲é👩‍👧'), (id) => stream.push(id))
    expect(pushed.join('')).toBe('🎲é👩‍👧')
    expect(pushed.join('')).not.toContain('\ufffd')
    expect(stream.end()).toBe('')
  })

  it('ends a stream that stops within a character with U+FFFD', () => {
    const tokenizer = load('gpt2')
    const stream = tokenizer.stream()
    const [first] = tokenizer.encode('\u{10fffe}')
    expect(stream.push(first!)).toBe('')
    expect(stream.end()).toBe('\ufffd')
  })

  it('reads lone surrogates as U+FFFD', () => {
    for (const kind of kinds) {
      const tokenizer = load(kind)
      expect(tokenizer.encode('a\ud800b \udc00'), kind).toEqual(tokenizer.encode('a\ufffdb \ufffd'))
    }
  })

  it('takes special tokens in the text for text unless asked', () => {
    const tokenizer = load('gpt2')
    expect([...tokenizer.encode('<s>')]).not.toContain(tokenizer.id('<s>'))
    expect([...tokenizer.encode('<s>', { special: true })]).toEqual([tokenizer.id('<s>')])
    expect([...tokenizer.encode('a<user>b')]).toContain(tokenizer.id('<user>'))
  })

  it('keeps its answers when words come again', () => {
    const tokenizer = load('llama3')
    const text = 'I search the altar; the altar is searched.'
    const first = tokenizer.encode(text)
    for (let i = 0; i < 3; i++) expect(tokenizer.encode(text)).toEqual(first)
  })

  it('forgets words when there are too many, and stays right', () => {
    const tokenizer = load('gpt2')
    const digits = 'abcdefghij'
    const word = (i: number) => [...String(i)].map((digit) => digits[Number(digit)]).join('')
    const text = Array.from({ length: 150_000 }, (_, i) => word(i)).join(' ')
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
    for (const again of ['the altar', ` ${word(5)} ${word(149_999)}`])
      expect(tokenizer.encode(again)).toEqual(load('gpt2').encode(again))
  })

  it('says which id it does not know', () => {
    expect(() => load('gpt2').decode([1_000_000])).toThrow(expect.objectContaining({ code: 'TOKENIZER_UNKNOWN_ID' }))
  })

  it('translates single tokens', () => {
    const tokenizer = load('bert')
    expect(tokenizer.token(tokenizer.id('[CLS]')!)).toBe('[CLS]')
    expect(tokenizer.id('no such token')).toBeUndefined()
    expect(tokenizer.token(-1)).toBeUndefined()
  })
})

/** Processor time, which does not depend on what else the machine does. */
function milliseconds(work: () => void): number {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

describe('long input', () => {
  const long = ['a'.repeat(1e6), '!'.repeat(5e5), 'ab'.repeat(2.5e5), ' '.repeat(5e5), '\n'.repeat(5e5), ' \n'.repeat(2.5e5)]
  it.each(kinds)(
    '%s encodes a megabyte of one word, or of white space, within two seconds',
    (kind) => {
      const tokenizer = load(kind)
      for (const text of long)
        expect(
          milliseconds(() => tokenizer.encode(text)),
          JSON.stringify(text.slice(0, 2)),
        ).toBeLessThan(2000)
    },
    60_000,
  )
})
