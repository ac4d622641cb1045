/** Bits of the character classes that pre-tokenisers ask for. */
export const letter = 1
export const number = 2
export const space = 4
export const mark = 8
/** As BERT has it: Unicode's punctuation and ASCII's symbols. */
export const punctuation = 16

const properties: readonly (readonly [number, string])[] = [
  [letter, 'L'],
  [number, 'N'],
  [space, 'White_Space'],
  [mark, 'M'],
  [punctuation, 'P'],
]

// Planes 4 to 13 are unassigned, 15 and 16 private: none of their characters has a class.
const assigned: readonly (readonly [number, number])[] = [
  [0, 0xd800],
  [0xe000, 0x40000],
  [0xe0000, 0xe1000],
]

const chunk = 0x400

function build(): Uint8Array {
  const table = new Uint8Array(0x110000)
  const patterns = properties.map(([bit, name]) => [bit, new RegExp(`\\p{${name}}+`, 'gu')] as const)
  const points = new Uint32Array(chunk)
  for (const [from, to] of assigned) {
    for (let start = from; start < to; start += chunk) {
      for (let i = 0; i < chunk; i++) points[i] = start + i
      const text = String.fromCodePoint(...points)
      const width = start > 0xffff ? 2 : 1
      for (const [bit, pattern] of patterns) {
        for (const match of text.matchAll(pattern)) {
          const first = start + match.index / width
          const last = first + match[0].length / width
          for (let point = first; point < last; point++) table[point]! |= bit
        }
      }
    }
  }
  for (const symbol of '$+<=>^`|~') table[symbol.charCodeAt(0)]! |= punctuation
  return table
}

let table: Uint8Array | undefined

/** One byte of class bits for every code point; built once, from the run-time's own Unicode data. */
export const characterClasses = (): Uint8Array => {
  table ??= build()
  return table
}

/** Lone surrogates become U+FFFD, as they would on the way to UTF-8. */
export const wellFormed = (text: string): string => (text.isWellFormed() ? text : text.toWellFormed())
