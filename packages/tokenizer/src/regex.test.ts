import { readFileSync } from 'node:fs'
import { QtError } from '@qt/core'
import { describe, expect, it } from 'vitest'
import { parsePreTokenizer, preTokenizer } from './pre-tokenize.js'
import { translateRegex } from './regex.js'

/** What Hugging Face's tokenizers cuts, three ways; made by fixtures/regex/make_regex.py. */
interface Expected {
  readonly texts: readonly string[]
  readonly patterns: Readonly<Record<string, readonly (readonly (readonly string[])[])[]>>
  readonly cases: readonly (readonly [pattern: string, text: string, found: readonly string[]])[]
}
const expected: Expected = JSON.parse(readFileSync(new URL('../test/fixtures/regex/expected.json', import.meta.url), 'utf8'))

function cut(pattern: string, behavior: string, invert: boolean, text: string): string[] {
  const { steps } = parsePreTokenizer({ type: 'Split', pattern: { Regex: pattern }, behavior, invert })!
  const words: string[] = []
  preTokenizer(steps)(text, 0, text.length, true, (piece, from, to) => words.push(piece.slice(from, to)))
  return words.filter((word) => word !== '')
}

const matches = (pattern: string, text: string) => [...text.matchAll(translateRegex(pattern, 'pattern'))].map(([match]) => match)

describe('translateRegex', () => {
  it.each(Object.keys(expected.patterns))('cuts as Oniguruma does: %s', (pattern) => {
    for (const [i, text] of expected.texts.entries()) {
      const own = [
        cut(pattern, 'Isolated', false, text),
        cut(pattern, 'Contiguous', false, text),
        cut(pattern, 'Removed', true, text),
      ]
      const [isolated = text === '' ? [] : [text], contiguous = isolated, kept = []] = expected.patterns[pattern]![i]!
      expect(own, JSON.stringify(text)).toEqual([isolated, contiguous, kept])
    }
  })

  it.each(expected.cases)('finds what Oniguruma does: %s in %j', (pattern, text, found) =>
    expect(matches(pattern, text)).toEqual(found),
  )

  it('knows inline groups without case', () =>
    expect(matches("(?i:'s|'ll)x", "'Sx 'Llx 'ſx 'sX")).toEqual(["'Sx", "'Llx", "'ſx"]))
  it('ends the scope of such a group', () => expect(matches('(?i:(?-i:a)b)', 'aB AB ab')).toEqual(['aB', 'ab']))
  it('drops escapes that JavaScript does not allow', () => expect(matches("\\'\\ \\<", "' <")).toEqual(["' <"]))
  it('takes braces without a number literally', () => expect(matches('x{2}{', 'xx{')).toEqual(['xx{']))

  it.each([
    '\\Gx',
    '(?x:a)',
    '\\K',
    '(a)\\1',
    '\\X',
    '[[:nothing:]]',
    '\\p{Nothing}',
    '(?i:\\p{Lu})',
    '(?i:[[:upper:]])',
    '(?i:[а-я])',
    '(?(1)a)',
    '(?<=a++)b',
    '(?<=\\R)b',
    '(?i:[a-z&&b])',
    '(?i:[a[^b]])',
    '(?<!(?>a))b',
  ])('refuses %s by name', (pattern) => {
    expect(() => translateRegex(pattern, 'pre_tokenizer.pattern')).toThrow(
      expect.objectContaining({ code: 'TOKENIZER_UNSUPPORTED' }),
    )
  })

  it.each(['(a', 'a)', '[a', '[a&&', '\\', '*', '\\x{FFFFFF}'])('calls %s broken', (pattern) => {
    try {
      translateRegex(pattern, 'pre_tokenizer.pattern')
      expect.unreachable()
    } catch (error) {
      expect(QtError.isInstance(error) && error.code).toBe('TOKENIZER_INVALID')
    }
  })
})
