export interface MatchOptions {
  readonly case?: boolean
  readonly punctuation?: boolean
  readonly characters?: string
}

/** Python's `string.punctuation`. */
const punctuation = /[!-/:-@[-`{-~]/g

/** A text with what shall not count taken out. */
export function normalised(text: string, options: MatchOptions): string {
  const plain = [...text].filter((character) => !options.characters?.includes(character)).join('')
  const cased = options.case ? plain.toLowerCase() : plain
  return options.punctuation ? cased.replace(punctuation, '') : cased
}

/** The part of an answer that counts: the first or last match of a pattern, of its first group that took part; undefined without one. */
export function extracted(
  text: string,
  { pattern, take }: { readonly pattern: RegExp; readonly take: 'first' | 'last' },
): string | undefined {
  const found = [...text.matchAll(pattern)].at(take === 'first' ? 0 : -1)
  return found && (found.slice(1).find((group) => group !== undefined) ?? found[0])
}
