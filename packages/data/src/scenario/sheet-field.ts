import { sharedEnds } from './section-names.js'

const fields = ['Class', 'Level', 'Health', 'Hit Points', 'Experience', 'Inventory', 'Spells', 'Skills']
const kinds = ['Player Character', 'NPC Companion', 'Companion']

/** The entry of a sheet that a misspelt one was meant to be: `Helth: 18/18`, `Levle 3`. */
export function misspeltField(text: string): { said: string; right: string } | undefined {
  const [, said, after] = /^(\p{L}[\p{L} ]{2,19}?)\s*(:|\s\d|$)/u.exec(text) ?? []
  if (said === undefined) return undefined
  const right = (after === '' ? kinds : fields).find((one) => isSlip(said.toLowerCase(), one.toLowerCase()))
  return right === undefined ? undefined : { said, right }
}

/** Letters in another order, or one too many or too few. One that is another makes another word, unless the word is long: Claws. */
function isSlip(said: string, right: string): boolean {
  const difference = said.length - right.length
  if (said === right || said[0] !== right[0] || Math.abs(difference) > 1) return false
  const shared = sharedEnds(said, right)
  if (difference !== 0) return shared >= Math.min(said.length, right.length)
  return right.length >= 8 ? shared >= right.length - 2 : sorted(said) === sorted(right)
}

const sorted = (word: string): string => [...word].sort().join('')
