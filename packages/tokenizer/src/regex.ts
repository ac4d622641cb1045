import { invalid, unsupported } from './errors.js'

const spaceSet = '\\p{White_Space}'
const wordSet = '\\p{L}\\p{M}\\p{Nd}\\p{Pc}'
const classEscapes: Readonly<Record<string, readonly [inside: string, outside: string]>> = {
  s: [spaceSet, spaceSet],
  S: ['\\P{White_Space}', '\\P{White_Space}'],
  d: ['\\p{Nd}', '\\p{Nd}'],
  D: ['\\P{Nd}', '\\P{Nd}'],
  w: [wordSet, `[${wordSet}]`],
  h: ['0-9a-fA-F', '[0-9a-fA-F]'],
}
const sameEscapes = new Set('nrtfv0^$\\.*+?()[]{}|/')

/** Both cases of an ASCII letter; s and k have a third one by Unicode case folding. */
function eitherCase(char: string): string {
  const lower = char.toLowerCase()
  const extra = lower === 's' ? '\\u017f' : lower === 'k' ? '\\u212a' : ''
  return `${lower}${lower.toUpperCase()}${extra}`
}

/**
 * Translates a pattern of a tokenizer.json, written for Oniguruma, into a JavaScript one with the flags g and u:
 * Unicode meanings of \s \d \w, inline `(?i:…)`, possessive quantifiers. What has no equal is refused by name.
 */
export function translateRegex(source: string, field: string): RegExp {
  let at = 0
  let atomic = 0
  const refuse = (what: string) => unsupported(field, `${what} in the pattern ${JSON.stringify(source)}`)

  function escapeSequence(inClass: boolean): string {
    const char = source[at + 1]
    if (char === undefined) throw invalid(field, `The pattern ${JSON.stringify(source)} ends with a lone backslash.`)
    at += 2
    if (char === 'p' || char === 'P') {
      const match = /^\{\^?\w+\}/.exec(source.slice(at))
      if (!match) throw refuse(`\\${char} without braces`)
      at += match[0].length
      const negated = match[0][1] === '^'
      const name = match[0].slice(negated ? 2 : 1, -1)
      return `\\${negated ? (char === 'p' ? 'P' : 'p') : char}{${propertyName(name)}}`
    }
    if (char === 'u' || char === 'x') {
      const match = (char === 'u' ? /^[0-9a-fA-F]{4}/ : /^[0-9a-fA-F]{2}|^\{[0-9a-fA-F]+\}/).exec(source.slice(at))
      if (!match) throw refuse(`\\${char} without digits`)
      at += match[0].length
      return match[0].startsWith('{') ? `\\u${match[0]}` : `\\${char}${match[0]}`
    }
    const known = classEscapes[char]
    if (known) return known[inClass ? 0 : 1]
    if (char === '-') return inClass ? '\\-' : '-'
    if (char === 'b' && !inClass) return '\\b'
    if (sameEscapes.has(char)) return `\\${char}`
    if (/[A-Za-z1-9]/.test(char)) throw refuse(`\\${char}`)
    return char
  }

  function characterClass(anyCase: boolean): string {
    let out = '['
    at++
    if (source[at] === '^') {
      out += '^'
      at++
    }
    let first = true
    for (;;) {
      const char = source[at]
      if (char === undefined) throw invalid(field, `The pattern ${JSON.stringify(source)} has an unclosed "[".`)
      if (char === ']' && !first) break
      first = false
      if (char === '\\') out += escapeSequence(true)
      else if (char === '[') throw refuse('a class within a class')
      else if (source.startsWith('&&', at)) throw refuse('an intersection of classes')
      else {
        out +=
          anyCase && /[A-Za-z]/.test(char) && source[at + 1] !== '-' && source[at - 1] !== '-'
            ? eitherCase(char)
            : plainInClass(char)
        at++
      }
    }
    at++
    return `${out}]`
  }

  function atom(anyCase: boolean): string {
    const char = source[at]!
    if (char === '\\') return escapeSequence(false)
    if (char === '[') return characterClass(anyCase)
    if (char === '(') {
      const flags = /^\(\?(i|-i|)?(:|=|!|<=|<!)/.exec(source.slice(at))
      if (!flags && source[at + 1] === '?') throw refuse(`the group ${source.slice(at, at + 4)}`)
      at += flags ? flags[0].length : 1
      const inner = alternatives(flags?.[1] === 'i' ? true : flags?.[1] === '-i' ? false : anyCase)
      if (source[at] !== ')') throw invalid(field, `The pattern ${JSON.stringify(source)} has an unclosed "(".`)
      at++
      return `(?${flags?.[2] ?? ':'}${inner})`
    }
    at++
    if (char === '{' || char === '}' || char === ']') return `\\${char}`
    return anyCase && /[A-Za-z]/.test(char) ? `[${eitherCase(char)}]` : char
  }

  function alternatives(anyCase: boolean): string {
    let out = ''
    while (at < source.length && source[at] !== ')') {
      if (source[at] === '|') {
        out += '|'
        at++
        continue
      }
      const piece = atom(anyCase)
      const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\}|\{,\d+\})/.exec(source.slice(at))?.[0]
      if (quantifier === undefined) {
        out += piece
        continue
      }
      at += quantifier.length
      const repeat = quantifier.startsWith('{,') ? quantifier.replace('{,', '{0,') : quantifier
      const more = source[at]
      if (more === '?') {
        out += `${piece}${repeat}?`
        at++
      } else if (more === '+') {
        if (quantifier.startsWith('{')) throw refuse('a repeated {n,m}')
        // JavaScript has no possessive quantifiers; a lookahead with a back reference does not give back either.
        const name = `a${atomic++}`
        out += `(?=(?<${name}>${piece}${repeat}))\\k<${name}>`
        at++
      } else out += `${piece}${repeat}`
    }
    return out
  }

  const translated = alternatives(false)
  if (at < source.length) throw invalid(field, `The pattern ${JSON.stringify(source)} has a ")" too many.`)
  try {
    return new RegExp(translated, 'gu')
  } catch (cause) {
    throw invalid(
      field,
      `The pattern ${JSON.stringify(source)} is not a regular expression this program can read: ${String(cause)}.`,
    )
  }
}

const plainInClass = (char: string) => (/[[\]{}()|/]/.test(char) ? `\\${char}` : char)

const scripts = new Set([
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Latin',
  'Greek',
  'Cyrillic',
  'Arabic',
  'Hebrew',
  'Thai',
  'Devanagari',
])
const propertyName = (name: string) =>
  scripts.has(name) ? `Script=${name}` : name === 'Space' ? 'White_Space' : name === 'Alnum' ? 'Alphabetic' : name

const metacharacters = /[\\^$.*+?()[\]{}|/]/g

/** A pattern that matches one text literally. */
export const literalRegex = (text: string): RegExp => new RegExp(text.replace(metacharacters, '\\$&'), 'gu')
