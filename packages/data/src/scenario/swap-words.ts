export type Swap = readonly [from: string, to: string]

/** Replaces whole words, all at once, so that nothing is replaced twice. */
export function swapper(swaps: readonly Swap[]): (text: string) => string {
  if (swaps.length === 0) return (text) => text
  const to = new Map(swaps)
  const pattern = anyOf([...to.keys()], 'gu')
  return (text) => text.replace(pattern, (word) => to.get(word) ?? word)
}

/** Replaces whole words in whatever case they stand, and keeps the case: for text in which nothing but a name can stand. */
export function looseSwapper(swaps: readonly Swap[]): (text: string) => string {
  if (swaps.length === 0) return (text) => text
  const to = new Map(swaps.map(([word, other]) => [word.toLowerCase(), other]))
  const pattern = anyOf([...to.keys()], 'giu')
  return (text) => text.replace(pattern, (word) => inCaseOf(word, to.get(word.toLowerCase()) ?? word))
}

export const inCaseOf = (word: string, other: string): string =>
  word === word.toLowerCase() ? other.toLowerCase() : word === word.toUpperCase() ? other.toUpperCase() : other

/** A hyphen joins words only between two of them: the minus of `-rope` does not. */
function anyOf(words: readonly string[], flags: string): RegExp {
  const longest = words.toSorted((a, b) => b.length - a.length)
  const plain = longest.map((word) => word.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  const letter = '[\\p{L}\\p{M}\\p{N}]'
  return new RegExp(`(?<!${letter}|${letter}-)(?:${plain.join('|')})(?!${letter}|-${letter})`, flags)
}
