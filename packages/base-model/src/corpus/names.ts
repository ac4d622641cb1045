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

/** A name that is hardly ever the same twice, so that a model has to copy names instead of knowing them. */
export function personName({ pick, chance }: Choices): string {
  return chance(0.4) ? pick(givenNames) : `${pick(first)}${pick(middle)}${pick(last)}`
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
