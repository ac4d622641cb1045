/**
 * White space as Python's `str` knows it, a class of characters: more than JavaScript's `\s` by the separators of ASCII and U+0085, less by U+FEFF.
 */
const whiteSpace = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]'

const runs = new RegExp(`${whiteSpace}+`)
const one = new RegExp(whiteSpace)

/** Python's `re.split(r"\s+", text)`. */
export const splitAtSpace = (text: string): string[] => text.split(runs)

/** Where the white space at the end of a text begins. */
export function endOfText(text: string): number {
  let end = text.length
  while (end > 0 && one.test(text[end - 1]!)) end--
  return end
}
