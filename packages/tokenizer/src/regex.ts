import { invalid, unsupported } from './errors.js'
import { bracketSet, type CharacterSet, escapedSet, noWordBoundary, propertySet, wordBoundary } from './regex-classes.js'

interface Flags {
  readonly anyCase: boolean
  /** A dot is a line end too. */
  readonly anyDot: boolean
}

const plainEscapes: Readonly<Record<string, string>> = {
  n: '\\n',
  r: '\\r',
  t: '\\t',
  v: '\\v',
  f: '\\f',
  a: '\\x07',
  e: '\\x1b',
  '0': '\\0',
}

/** Every character; some engines find none with `[^]` under the flag v. */
const any = '[\\s\\S]'

// Lines are what `^` and `$` are about in Oniguruma, and no new one begins at the end of a text.
const places: Readonly<Record<string, string>> = {
  b: wordBoundary,
  B: noWordBoundary,
  A: '^',
  z: '$',
  Z: '(?=\\n?$)',
  N: '[^\\n]',
  O: any,
}
/** Once found, \r\n is not given back for the \r alone. */
const lineBreak = '\\r\\n|[\\n-\\r\\x85\\u2028\\u2029]'
const lineStart = `(?:^|(?<=\\n)(?=${any}))`
const lineEnd = '(?:$|(?=\\n))'

const simpleQuantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\}|\{,\d+\})/
const group = /^\(\?(?:([im]*)(?:-([im]*))?([:)])|(=|!|<=|<!|>)|<(?![=!])\w+>|#[^)]*\))/
const flagLetters = /[im]/

/** Letters that fold to one whose other case they are not: micro, long s, variants of Greek, Kelvin, Old Church Slavonic. By number, lest an editor composes them. */
const oddLetters = Array.from(
  '\u00b5\u017f\u01c5\u01c8\u01cb\u01f2\u0345\u03c2\u03d0\u03d1\u03d5\u03d6\u03f0\u03f1\u03f4\u03f5\u1e9b\u1e9e\u1fbe\u2126\u212a\u212b\u1c80\u1c81\u1c82\u1c83\u1c84\u1c85\u1c86\u1c87\u1c88',
)

/** A letter in every case, itself first. */
function eitherCase(char: string): string {
  const same = new RegExp(`^${char}$`, 'iu')
  const [lower, upper] = [char.toLowerCase(), char.toUpperCase()]
  const cases = new Set([char, lower, upper, upper.toLowerCase(), lower.toUpperCase(), ...oddLetters])
  return [...cases].filter((one) => same.test(one)).join('')
}

const hasCases = (char: string) => /^\p{Changes_When_Casemapped}$/u.test(char)
const casedProperty = /Lu|Ll|Lt|Uppercase|Lowercase|Letter}/

/** Characters of a class that mean something there in one of the two modes of JavaScript. */
const inClass = (char: string): string => (/[!-/:-@[-^`{-~]/.test(char) ? `\\x${char.charCodeAt(0).toString(16)}` : char)

/** A set outside a class. */
const standing = ({ set, negated = false }: CharacterSet): string => `[${negated ? '^' : ''}${set}]`

class Translator {
  private at = 0
  private atomic = 0
  /** Classes within classes need the flag v; without any, u does and is what engines have for longer. */
  private nested = false
  /** JavaScript goes through a lookbehind from its end. */
  private behind = false

  constructor(
    private readonly source: string,
    private readonly field: string,
  ) {}

  whole(): RegExp {
    const translated = this.alternatives({ anyCase: false, anyDot: false })
    if (this.at < this.source.length) throw this.broken('has a ")" too many')
    try {
      return new RegExp(translated, this.nested ? 'gv' : 'gu')
    } catch (cause) {
      throw this.broken(`is not a regular expression this program can read: ${String(cause)}`)
    }
  }

  private refused = (what: string) => unsupported(this.field, `${what} in the pattern ${JSON.stringify(this.source)}`)
  private broken = (what: string) => invalid(this.field, `The pattern ${JSON.stringify(this.source)} ${what}.`)

  private alternatives(flags: Flags): string {
    let out = ''
    while (this.at < this.source.length && this.source[this.at] !== ')') {
      if (this.source[this.at] === '|') {
        out += '|'
        this.at++
      } else out += this.repeated(this.atom(flags))
    }
    return out
  }

  /** An atom with the quantifiers behind it, of which there may be several. */
  private repeated(atom: string): string {
    let out = atom
    for (let count = 0; ; count++) {
      const quantifier = simpleQuantifier.exec(this.source.slice(this.at))?.[0]
      if (quantifier === undefined) return out
      if (out === '') throw this.refused('a repeated comment')
      this.at += quantifier.length
      const repeat = quantifier.replace('{,', '{0,')
      const piece = count > 0 ? `(?:${out})` : out
      const more = this.source[this.at]
      const counted = quantifier.startsWith('{')
      if (more === '?' && !(counted && !quantifier.includes(','))) {
        out = `${piece}${repeat}?`
        this.at++
      } else if (more === '+' && !counted) {
        out = this.kept(`${piece}${repeat}`)
        this.at++
      } else out = `${piece}${repeat}`
    }
  }

  /** JavaScript has no possessive quantifiers and atomic groups; a lookahead with a back reference does not give back either. */
  private kept(pattern: string): string {
    if (this.behind) throw this.refused('what never gives back, in a lookbehind,')
    const name = `a${this.atomic++}`
    return `(?:(?=(?<${name}>${pattern}))\\k<${name}>)`
  }

  private atom(flags: Flags): string {
    const char = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0)
    if (char === '\\') return this.escape(flags)
    if (char === '[') return this.characterClass(flags)
    if (char === '(') return this.group(flags)
    this.at += char.length
    if (/^[*+?]$/.test(char)) throw this.broken('repeats nothing')
    if (char === '.') return flags.anyDot ? any : '[^\\n]'
    if (char === '^') return lineStart
    if (char === '$') return lineEnd
    return this.literal(char, flags)
  }

  private literal(char: string, { anyCase }: Flags): string {
    if (anyCase && hasCases(char)) return `[${eitherCase(char)}]`
    return /[{}\]/^$\\.*+?()[|]/.test(char) ? `\\${char}` : char
  }

  private group(flags: Flags): string {
    const match = group.exec(this.source.slice(this.at))
    if (!match && this.source[this.at + 1] === '?') throw this.refused(`the group ${this.source.slice(this.at, this.at + 4)}`)
    this.at += match ? match[0].length : 1
    const [whole = '(', on = '', off = '', end, look] = match ?? []
    if (whole.startsWith('(?#')) return ''
    const inner: Flags = {
      anyCase: flagLetters.test(on + off) ? (on.includes('i') || flags.anyCase) && !off.includes('i') : flags.anyCase,
      anyDot: (on.includes('m') || flags.anyDot) && !off.includes('m'),
    }
    // Flags without a group of their own hold to the end of the one they stand in, alternatives included.
    if (end === ')') return `(?:${this.alternatives(inner)})`
    const outside = this.behind
    // A lookahead within goes from its beginning.
    this.behind = look === undefined || look === '>' ? outside : look.startsWith('<')
    const body = this.alternatives(inner)
    this.behind = outside
    if (this.source[this.at] !== ')') throw this.broken('has an unclosed "("')
    this.at++
    return look === '>' ? this.kept(body) : `(?${look ?? ':'}${body})`
  }

  private escape(flags: Flags): string {
    const letter = this.source[this.at + 1] ?? ''
    if (letter === 'R') {
      this.at += 2
      return this.kept(lineBreak)
    }
    const place = places[letter]
    if (place !== undefined) {
      this.at += 2
      return place
    }
    const found = this.escaped(flags)
    return typeof found === 'string' ? this.literal(found, flags) : standing(found)
  }

  /** The character that an escape stands for, or the set. */
  private escaped({ anyCase }: Flags, inClass = false): string | CharacterSet {
    const char = this.source[this.at + 1]
    if (char === undefined) throw this.broken('ends with a lone backslash')
    this.at += 2
    const rest = this.source.slice(this.at)
    if (char === 'p' || char === 'P') {
      const match = /^\{(\^?)([\w -]+)\}/.exec(rest)
      if (!match) throw this.refused(`\\${char} without braces`)
      const [whole, caret, name = ''] = match
      this.at += whole.length
      const found = propertySet(name)
      if (found === undefined) throw this.refused(`the property ${name}`)
      if (anyCase && casedProperty.test(found.set)) throw this.refused(`${name} without case`)
      return { set: found.set, negated: (found.negated ?? false) !== ((char === 'P') !== (caret === '^')) }
    }
    if (char === 'u' || char === 'x') {
      const [digits] = (char === 'u' ? /^[0-9a-fA-F]{4}/ : /^[0-9a-fA-F]{1,2}|^\{[0-9a-fA-F]+\}/).exec(rest) ?? []
      if (digits === undefined) throw this.refused(`\\${char} without digits`)
      this.at += digits.length
      const point = Number.parseInt(digits.replace('{', ''), 16)
      if (point > 0x10ffff) throw this.broken('names a character that there is not')
      return String.fromCodePoint(point)
    }
    const [octal] = /^[0-7]{1,2}/.exec(char === '0' ? rest : '') ?? []
    if (octal !== undefined) {
      this.at += octal.length
      return String.fromCodePoint(Number.parseInt(octal, 8))
    }
    const set = escapedSet(char, inClass)
    if (set) return set
    const plain = Object.hasOwn(plainEscapes, char) ? plainEscapes[char] : undefined
    if (plain !== undefined) return { set: plain }
    if (/[A-Za-z1-9]/.test(char)) throw this.refused(`\\${char}`)
    const point = String.fromCodePoint(this.source.codePointAt(this.at - 1) ?? 0)
    this.at += point.length - 1
    return point
  }

  /** `[…]` with classes within and `&&`, which parts unions. */
  private characterClass(flags: Flags): string {
    this.at++
    const negated = this.source[this.at] === '^'
    if (negated) this.at++
    const operands: string[] = []
    let union = ''
    for (let first = true; ; first = false) {
      const char = this.source[this.at]
      if (char === undefined) throw this.broken('has an unclosed "["')
      if (char === ']' && !first) break
      if (this.source.startsWith('&&', this.at)) {
        // Oniguruma adds the other cases after everything else.
        if (flags.anyCase) throw this.refused('&& without case')
        this.at += 2
        operands.push(union)
        union = ''
      } else union += this.classItem(flags)
    }
    this.at++
    if (operands.length === 0) return `[${negated ? '^' : ''}${union}]`
    this.nested = true
    return `[${negated ? '^' : ''}${[...operands, union].map((operand) => `[${operand}]`).join('&&')}]`
  }

  private classItem(flags: Flags): string {
    const bracket = /^\[:(\^?)(\w+):\]/.exec(this.source.slice(this.at))
    if (bracket) {
      const [whole, caret, name = ''] = bracket
      const found = bracketSet(name)
      if (found === undefined) throw this.refused(`the class ${whole}`)
      if (flags.anyCase && casedProperty.test(found.set)) throw this.refused(`${whole} without case`)
      this.at += whole.length
      return this.within({ set: found.set, negated: (found.negated ?? false) !== (caret === '^') })
    }
    if (this.source[this.at] === '[') {
      if (flags.anyCase && this.source[this.at + 1] === '^') throw this.refused('[^ within a class without case')
      this.nested = true
      return this.characterClass(flags)
    }
    const from = this.classCharacter(flags)
    if (typeof from !== 'string' && this.codeOf(from) === undefined) return this.within(from)
    const next = this.source[this.at + 1]
    if (this.source[this.at] !== '-' || next === ']' || next === undefined || next === '[') return this.single(from, flags)
    this.at++
    const to = this.classCharacter(flags)
    if (typeof to !== 'string' && this.codeOf(to) === undefined) return `${this.single(from, flags)}\\-${this.within(to)}`
    const range = `${this.single(from, { ...flags, anyCase: false })}-${this.single(to, { ...flags, anyCase: false })}`
    return flags.anyCase ? range + this.foldedRange(from, to) : range
  }

  private classCharacter(flags: Flags): string | CharacterSet {
    if (this.source[this.at] === '\\') {
      // Within a class it is the backspace.
      if (this.source[this.at + 1] === 'b') {
        this.at += 2
        return '\b'
      }
      return this.escaped(flags, true)
    }
    const char = String.fromCodePoint(this.source.codePointAt(this.at) ?? 0)
    this.at += char.length
    return char
  }

  /** The one character of an escape such as \n. */
  private codeOf({ set, negated }: CharacterSet): string | undefined {
    return !negated && Object.values(plainEscapes).includes(set) ? set : undefined
  }

  private single(item: string | CharacterSet, { anyCase }: Flags): string {
    if (typeof item !== 'string') return item.set
    return anyCase && hasCases(item) ? eitherCase(item) : inClass(item)
  }

  private foldedRange(from: string | CharacterSet, to: string | CharacterSet): string {
    const [first, last] = [from, to].map((end) => (typeof end === 'string' ? (end.codePointAt(0) ?? 0) : 0))
    if ((last ?? 0) > 0x7f) throw this.refused('a range beyond ASCII without case')
    let folded = ''
    for (let point = first ?? 0; point <= (last ?? 0); point++) {
      const char = String.fromCharCode(point)
      if (hasCases(char)) folded += eitherCase(char).slice(1)
    }
    return folded
  }

  /** A set as a part of a class. */
  private within({ set, negated = false }: CharacterSet): string {
    if (!negated) return set
    const one = /^\\p(\{[^}]*\})$/.exec(set)
    if (one) return `\\P${one[1]}`
    this.nested = true
    return `[^${set}]`
  }
}

/**
 * Translates a pattern of a tokenizer.json, written for Oniguruma, into a JavaScript one with the flag g and Unicode's meanings of \s \d \w \b:
 * inline flags, possessive quantifiers, atomic groups, classes within classes. What has no equal is refused by name.
 */
export const translateRegex = (source: string, field: string): RegExp => new Translator(source, field).whole()

const metacharacters = /[\\^$.*+?()[\]{}|/]/g

/** A pattern that matches one text literally. */
export const literalRegex = (text: string): RegExp => new RegExp(text.replace(metacharacters, '\\$&'), 'gu')
