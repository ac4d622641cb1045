import { items } from './phrases/items.js'
import { givenNames, people } from './phrases/people.js'
import { spells } from './phrases/spells.js'
import type { Choices } from './random.js'

const first = [
  ...['Al', 'Bor', 'Cal', 'Dar', 'El', 'Fen', 'Gar', 'Hal', 'Is', 'Jor', 'Kae', 'Lor', 'Mir', 'Nar'],
  ...['Or', 'Per', 'Quin', 'Ros', 'Sel', 'Tam', 'Ul', 'Ver', 'Wil', 'Yar', 'Zan', 'Bri', 'Dra', 'Thra'],
  ...['Gri', 'Fa', 'Ke', 'Li', 'Mo', 'Ra', 'Sha', 'To', 'Vi', 'Ny', 'Ar', 'Bel'],
] as const
const middle = ['', '', '', 'a', 'i', 'an', 'en', 'o', 'el', 'ri', 'la', 'and', 'u'] as const
const last = [
  ...['a', 'in', 'or', 'wen', 'ric', 'dan', 'na', 'la', 'ek', 'us', 'eth', 'is', 'ra', 'mir', 'ton'],
  ...['go', 'ya', 'ix', 'bert', 'lyn', 'os', 'ard', 'ana', 'ul', 'ver', 'sa', 'd', 'mond'],
] as const

const titles = [
  ...['Captain', 'Sergeant', 'Sir', 'Dame', 'Lady', 'Lord', 'Master', 'Mistress', 'Brother', 'Sister', 'Father', 'Mother'],
  ...['Uncle', 'Aunt', 'Cousin', 'Granny', 'Old', 'Young', 'Little', 'Big', 'Doctor', 'Professor', 'Mister', 'Madam'],
  ...['Count', 'Baron', 'Abbot', 'Judge', 'Bishop', 'Corporal', 'Squire', 'Chief', 'Nurse', 'Cook', 'Widow', 'Prince'],
] as const
const surnames = [
  ...['Ash', 'Black', 'Bright', 'Copper', 'Dun', 'Fair', 'Grey', 'Hollow', 'Iron', 'Long', 'Moss', 'Oak', 'Raven', 'Salt'],
  ...['Stone', 'Thorn', 'Wind', 'Winter', 'Barley', 'Fox', 'Good', 'Half', 'Under', 'Water'],
] as const
const surnameEndings = [
  ...['wood', 'brook', 'field', 'hand', 'foot', 'ford', 'by', 'mantle', 'well', 'ley', 'shaw', 'ton', 'worth', 'man', 'penny'],
] as const

/** A name that is hardly ever the same twice, so that a model has to copy names instead of knowing them. */
export function personName({ pick, chance }: Choices): string {
  const name = chance(0.4) ? pick(givenNames) : `${pick(first)}${pick(middle)}${pick(last)}`
  if (chance(0.12)) return `${pick(titles)} ${name}`
  return chance(0.12) ? `${name} ${pick(surnames)}${pick(surnameEndings)}` : name
}

/** What somebody is called in passing: "Uncle Bram" and "Bram Oakley" are both Bram. */
export function calledName({ chance }: Choices, name: string): string {
  const words = name.split(' ')
  const given = titles.some((title) => title === words[0]) ? words.at(-1) : words[0]
  return given !== undefined && chance(0.6) ? given : name
}

/** So many different names. */
export function personNames(choices: Choices, count: number): string[] {
  const names = new Set<string>()
  while (names.size < count) names.add(personName(choices))
  return [...names]
}

const qualities = [
  ...['small', 'old', 'silver', 'rusty', 'golden', 'carved', 'broken', 'heavy', 'black', 'iron', 'glass', 'leather', 'blue'],
  ...['sealed', 'bone', 'copper', 'red', 'woven', 'wooden', 'strange', 'thin', 'polished', 'green', 'crystal', 'brass', 'stone'],
  ...['torn', 'white', 'burnt', 'jade', 'spare', 'second', 'striped', 'frozen', 'stolen', 'velvet', 'cracked', 'borrowed'],
] as const

/** A thing to carry, as it stands in a list. */
export function itemName({ pick, chance }: Choices): string {
  const item = pick(items)
  return chance(0.35) && !item.includes(' ') ? `${pick(qualities)} ${item}` : item
}

const manners = [
  ...['old', 'tall', 'young', 'nearest', 'wounded', 'angry', 'grey', 'other', 'biggest', 'second', 'fat', 'masked', 'drunken'],
  ...['one-eyed', 'last', 'sleeping', 'crooked', 'silent', 'burning', 'younger', 'first', 'left', 'hungry', 'pale', 'dead'],
] as const

/** Whoever a deed is aimed at: "the miller", "the tall auctioneer". */
export function somebodyName({ pick, chance }: Choices): string {
  const who = pick(people)
  return `the ${chance(0.3) && !who.includes(' ') ? `${pick(manners)} ${who}` : who}`
}

const colours = [
  'Silver',
  'Black',
  'Golden',
  'Frozen',
  'Burning',
  'Whispering',
  'Hidden',
  'Iron',
  'Crimson',
  'Hollow',
  'Lunar',
] as const
const shapes = [
  'Lance',
  'Veil',
  'Grasp',
  'Chorus',
  'Step',
  'Mantle',
  'Arrow',
  'Gaze',
  'Wave',
  'Mirror',
  'Seal',
  'Breath',
] as const

/** A spell that there is, or one that nobody has heard of. */
export const spellName = ({ pick, chance }: Choices): string => (chance(0.8) ? pick(spells) : `${pick(colours)} ${pick(shapes)}`)
