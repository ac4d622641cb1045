import { describe, expect, it } from 'vitest'
import { expected, type KindExpected, kinds, readFixture } from '../test/fixtures.js'
import { Tokenizer } from './tokenizer.js'

/** Hugging Face writes a second BOS before a text that begins with one, and a second EOS after it; we do not. */
function framedOnce(ids: readonly number[], [before, after]: KindExpected['frame']): readonly number[] {
  const end = ids.length - after
  const [bos, text, eos] = [ids.slice(0, before), ids.slice(before, end), ids.slice(end)]
  const begins = String(text.slice(0, before)) === String(bos)
  const ends = String(text.slice(text.length - after)) === String(eos)
  return [...(begins ? [] : bos), ...text, ...(ends ? [] : eos)]
}

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
      const ids = of.special[i]!
      expect([...tokenizer.encode(input, { special: true })], JSON.stringify(input)).toEqual(framedOnce(ids, of.frame))
      expect(tokenizer.decode(ids, { special: true }), JSON.stringify(input)).toBe(of.specialDecoded[i])
      expect(tokenizer.decode(ids), JSON.stringify(input)).toBe(of.skippedDecoded[i])
    }
  })
})
