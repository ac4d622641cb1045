import { describe, expect, it } from 'vitest'
import { expected, kinds, readFixture } from '../test/fixtures.js'
import { Tokenizer } from './tokenizer.js'

describe.each(kinds)('%s', (kind) => {
  const tokenizer = Tokenizer.fromJson(readFixture(`${kind}.json`))
  const of = expected.kinds[kind]!

  it('gives the ids of Hugging Face for hard inputs', () => {
    for (const [i, input] of expected.inputs.entries()) {
      expect([...tokenizer.encode(input)], JSON.stringify(input)).toEqual(of.plain[i])
    }
  })

  it('gives its texts', () => {
    for (const [i, ids] of of.plain.entries())
      expect(tokenizer.decode(ids), JSON.stringify(expected.inputs[i])).toBe(of.decoded[i])
  })

  it('finds and frames special tokens when asked to', () => {
    for (const [i, input] of expected.specialInputs.entries()) {
      const ids = tokenizer.encode(input, { special: true })
      expect([...ids], JSON.stringify(input)).toEqual(of.special[i])
      expect(tokenizer.decode(ids, { special: true }), JSON.stringify(input)).toBe(of.specialDecoded[i])
      expect(tokenizer.decode(ids), JSON.stringify(input)).toBe(of.skippedDecoded[i])
    }
  })
})
