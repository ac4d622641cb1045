/** What stands between the brackets of a JavaScript class, or, when `negated`, between those of its complement. */
export interface CharacterSet {
  readonly set: string
  readonly negated?: boolean
}

const wordInClass = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}'
const word = `${wordInClass}²³¹¼½¾`
const space = '\\p{White_Space}'
const hex = '0-9a-fA-F'

const escapes: Readonly<Record<string, CharacterSet>> = {
  s: { set: space },
  S: { set: space, negated: true },
  d: { set: '\\p{Nd}' },
  D: { set: '\\p{Nd}', negated: true },
  w: { set: word },
  W: { set: word, negated: true },
  h: { set: hex },
  H: { set: hex, negated: true },
}

/** `\s`, `\d`, `\w`, `\h` and their complements, by the letter; six characters are of words only outside of classes. */
export function escapedSet(letter: string, inClass: boolean): CharacterSet | undefined {
  const found = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined
  return inClass && found?.set === word ? { ...found, set: wordInClass } : found
}

/** One character outside of words and one of them, in either order: `\b` of Unicode. */
export const wordBoundary = `(?:(?<=[${word}])(?![${word}])|(?<![${word}])(?=[${word}]))`
export const noWordBoundary = `(?:(?<=[${word}])(?=[${word}])|(?<![${word}])(?![${word}]))`

const alphanumeric = '\\p{Alphabetic}\\p{Nd}'
const invisible = '\\p{Cc}\\p{Cn}\\p{Cs}'

/** Oniguruma's names that are neither general categories nor scripts; those of brackets differ from these in three. */
const named: Readonly<Record<string, CharacterSet>> = {
  alnum: { set: alphanumeric },
  alpha: { set: '\\p{Alphabetic}' },
  any: { set: '\\0-\\u{10ffff}' },
  ascii: { set: '\\0-\\x7f' },
  assigned: { set: '\\p{Cn}', negated: true },
  blank: { set: '\\p{Zs}\\t' },
  cntrl: { set: '\\p{Cc}' },
  digit: { set: '\\p{Nd}' },
  graph: { set: `${space}${invisible}`, negated: true },
  lower: { set: '\\p{Lowercase}' },
  print: { set: invisible, negated: true },
  punct: { set: '\\p{P}' },
  space: { set: space },
  upper: { set: '\\p{Uppercase}' },
  word: { set: word },
  xdigit: { set: hex },
}

const bracketed: Readonly<Record<string, CharacterSet>> = {
  ...named,
  punct: { set: '\\p{P}\\p{S}' },
  print: { set: `${invisible}\\u2028\\u2029`, negated: true },
  word: { set: wordInClass },
}

const own = (table: Readonly<Record<string, CharacterSet>>, name: string): CharacterSet | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined

/** `[:alpha:]` by its name. */
export const bracketSet = (name: string): CharacterSet | undefined => own(bracketed, name)

/** `\p{…}` by its name, for which letter case, spaces, `_` and `-` do not count. */
export function propertySet(name: string): CharacterSet | undefined {
  const plain = name.toLowerCase().replace(/[ _-]/g, '')
  const titled = name
    .toLowerCase()
    .replace(/(^|[ _-])([a-z])/g, (_, gap: string, letter: string) => `${gap && '_'}${letter.toUpperCase()}`)
  const property = [name, titled, `Script=${name}`, `Script=${titled}`].find(isProperty)
  return own(named, plain) ?? (property === undefined ? undefined : { set: `\\p{${property}}` })
}

function isProperty(name: string): boolean {
  try {
    return new RegExp(`\\p{${name}}`, 'u').unicode
  } catch {
    return false
  }
}
