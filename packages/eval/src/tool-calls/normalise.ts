import type { BracketCall } from './call.js'

/** Hyphens, dashes and the minus sign of Unicode. */
const dashes = /[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/g
const number = /^[-+]? ?(?:\d+(?:\.\d*)?|\.\d+)$/

/** What two spellings of the same name have in common. */
export const normaliseName = (name: string): string => name.replace(dashes, '-').trim().toLowerCase().replace(/\s+/g, ' ')

/** What two spellings of the same argument have in common: case, spaces and dashes do not count, numbers count as numbers. */
export function normaliseArgument(text: string): string {
  const plain = normaliseName(text)
  if (number.test(plain)) return String(Number(plain.replace(' ', '')) + 0)
  // `3d6 + 2` is `3d6+2`; between words a space before a sign stays.
  return plain.replace(/^([-+]) +/, '$1').replace(/(\d) *([-+]) *(?=\d)/g, '$1$2')
}

/** Equal for calls that say the same. */
export const callKey = ({ name, arguments: given }: BracketCall): string =>
  JSON.stringify([normaliseName(name), ...given.map(normaliseArgument)])
