import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { translateRegex } from './regex.js'

const matches = (pattern: string, text: string) => [...text.matchAll(translateRegex(pattern, 'pattern'))].map(([match]) => match)

describe('translateRegex', () => {
  it('gives \\s its Unicode meaning', () => expect(matches('\\s', ' \u0085\ufeff\u3000')).toEqual([' ', '\u0085', '\u3000']))
  it('knows classes within classes of characters', () => expect(matches('[^\\s\\d]+', 'ab ٣c')).toEqual(['ab', 'c']))
  it('knows inline groups without case', () =>
    expect(matches("(?i:'s|'ll)x", "'Sx 'Llx 'ſx 'sX")).toEqual(["'Sx", "'Llx", "'ſx"]))
  it('ends the scope of such a group', () => expect(matches('(?i:(?-i:a)b)', 'aB AB ab')).toEqual(['aB', 'ab']))
  it('keeps possessive quantifiers from giving back', () => {
    expect(matches('a++a', 'aaa')).toEqual([])
    expect(matches('a?+b', 'ab b')).toEqual(['ab', 'b'])
  })
  it('drops escapes that JavaScript does not allow', () => expect(matches("\\'\\ \\<", "' <")).toEqual(["' <"]))
  it('takes braces without a number literally', () => expect(matches('x{2}{', 'xx{')).toEqual(['xx{']))

  it.each(['(?<name>x)', '\\Gx', '[[a]b]', '[a&&b]', 'x{1,2}+', '(?x:a)'])('refuses %s by name', (pattern) => {
    expect(() => translateRegex(pattern, 'pre_tokenizer.pattern')).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_UNSUPPORTED' }),
    )
  })

  it.each(['(a', 'a)', '[a', '\\', '*'])('calls %s broken', (pattern) => {
    try {
      translateRegex(pattern, 'pre_tokenizer.pattern')
      expect.unreachable()
    } catch (error) {
      expect(QtError.isInstance(error) && error.code).toBe('TOKENIZER_INVALID')
    }
  })
})
