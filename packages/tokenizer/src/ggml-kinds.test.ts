import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { metadataOf } from '../test/metadata.js'
import { hardText } from '../test/texts.js'
import { Tokenizer } from './tokenizer.js'
import { wellFormed } from './unicode.js'

type Row = readonly [token: string, score: number, type: number]

interface Kind {
  readonly model: string
  readonly flags: Readonly<Record<string, boolean>>
  readonly mapped: boolean
  readonly rows?: readonly Row[]
  readonly ids: readonly (readonly number[])[]
  readonly special: readonly (readonly number[])[]
  readonly decoded: readonly string[]
}

/** What llama.cpp gave; made by fixtures/ggml-kinds/make_ggml_kinds.py. */
const expected: { readonly texts: readonly string[]; readonly kinds: Readonly<Record<string, Kind>> } = JSON.parse(
  readFileSync(new URL('../test/fixtures/ggml-kinds/expected.json', import.meta.url), 'utf8'),
)
const { charsmap }: { readonly charsmap: string } = JSON.parse(
  readFileSync(new URL('../test/fixtures/precompiled/expected.json', import.meta.url), 'utf8'),
)

const rowsOf = (model: string): readonly Row[] =>
  Object.values(expected.kinds).find((kind) => kind.model === model && kind.rows)?.rows ?? []

function load({ model, flags, mapped }: Kind, rows = rowsOf(model)) {
  const id = (name: string) => rows.findIndex(([token]) => token === name)
  return Tokenizer.fromGguf(
    metadataOf({
      'tokenizer.ggml.model': model,
      'tokenizer.ggml.tokens': rows.map(([token]) => token),
      'tokenizer.ggml.scores': rows.map(([, score]) => Math.fround(score)),
      'tokenizer.ggml.token_type': rows.map(([, , type]) => type),
      ...(model === 't5' ? { 'tokenizer.ggml.eos_token_id': id('</s>'), 'tokenizer.ggml.unknown_token_id': id('<unk>') } : {}),
      ...Object.fromEntries(Object.entries(flags).map(([key, value]) => [`tokenizer.ggml.${key}`, value])),
      ...(mapped ? { 'tokenizer.ggml.precompiled_charsmap': Array.from(atob(charsmap), (char) => char.charCodeAt(0)) } : {}),
    }),
  )
}

describe.each(Object.entries(expected.kinds))('%s', (_, kind) => {
  const tokenizer = load(kind)

  it('gives the ids of llama.cpp', () => {
    for (const [i, text] of expected.texts.entries()) {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(kind.ids[i])
      expect([...tokenizer.encodeWithOffsets(text).ids], JSON.stringify(text)).toEqual(kind.ids[i])
    }
  })

  it('frames as llama.cpp does', () => {
    for (const [i, ids] of kind.special.entries()) {
      const text = expected.texts[expected.texts.length - kind.special.length + i]!
      expect([...tokenizer.encode(text, { special: true })], JSON.stringify(text)).toEqual(ids)
    }
  })

  it('gives its texts', () => {
    for (const [i, text] of kind.decoded.entries())
      expect(tokenizer.decode(kind.ids[i]!), JSON.stringify(expected.texts[i])).toBe(text)
  })

  it('says where tokens stand', () => {
    fc.assert(
      fc.property(hardText, (text) => {
        const { ids, offsets } = tokenizer.encodeWithOffsets(text)
        expect([...ids]).toEqual([...tokenizer.encode(text)])
        for (let i = 1; i < ids.length; i++) expect(offsets[2 * i]!).toBeGreaterThanOrEqual(offsets[2 * i - 2]!)
      }),
      { numRuns: 50, seed: 5 },
    )
  })
})

const kindOf = (model: string, change: Partial<Kind> = {}): Kind => ({
  model,
  flags: {},
  mapped: false,
  ids: [],
  special: [],
  decoded: [],
  ...change,
})

describe('vocabularies of bytes', () => {
  it.each(['rwkv', 'plamo2'])('%s gives back every text', (model) => {
    const tokenizer = load(kindOf(model))
    fc.assert(
      fc.property(hardText, (text) => {
        // PLaMo leaves out a byte order mark at the beginning.
        const known = wellFormed(text).replace(/^\ufeff/, model === 'plamo2' ? '' : '$&')
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(known)
      }),
      { numRuns: 300 },
    )
  })

  it('never reads a control token in a text unless asked', () => {
    for (const [model, name] of [
      ['rwkv', '<s>'],
      ['plamo2', '<|plamo:eos|>'],
    ] as const) {
      const tokenizer = load(kindOf(model))
      expect([...tokenizer.encode(`a${name}`)]).not.toContain(tokenizer.id(name))
      expect([...tokenizer.encode(`a${name}`, { special: true })]).toContain(tokenizer.id(name))
    }
  })

  it('is refused where PLaMo lacks a byte', () => {
    const rows = rowsOf('plamo2').filter(([token]) => token !== '<0x80>')
    expect(() => load(kindOf('plamo2'), rows)).toThrow('lacks the byte <0x80>')
  })
})

it('encodes a megabyte of one word in every kind within two seconds', () => {
  for (const model of ['t5', 'rwkv', 'plamo2']) {
    const tokenizer = load(kindOf(model))
    for (const text of ['a'.repeat(1e6), ' '.repeat(5e5), '敏'.repeat(3e5)]) {
      const before = process.cpuUsage()
      tokenizer.encode(text)
      const { user, system } = process.cpuUsage(before)
      expect((user + system) / 1000, `${model} ${text.slice(0, 1)}`).toBeLessThan(2000)
    }
  }
}, 60_000)
