import { nearest } from '@qt/core'
import type { Character } from './model.js'
import { sharedEnds } from './section-names.js'

export const abilities = ['strength', 'dexterity', 'constitution', 'intelligence', 'wisdom', 'charisma'] as const

/** The ability that stands behind each skill of the fifth edition (SRD 5.1). */
const abilityOf: ReadonlyMap<string, (typeof abilities)[number]> = new Map([
  ['athletics', 'strength'],
  ['acrobatics', 'dexterity'],
  ['sleight of hand', 'dexterity'],
  ['stealth', 'dexterity'],
  ['arcana', 'intelligence'],
  ['history', 'intelligence'],
  ['investigation', 'intelligence'],
  ['nature', 'intelligence'],
  ['religion', 'intelligence'],
  ['animal handling', 'wisdom'],
  ['insight', 'wisdom'],
  ['medicine', 'wisdom'],
  ['perception', 'wisdom'],
  ['survival', 'wisdom'],
  ['deception', 'charisma'],
  ['intimidation', 'charisma'],
  ['performance', 'charisma'],
  ['persuasion', 'charisma'],
])
/** Rolls that are neither skill nor ability. */
const otherRolls = ['attack', 'damage', 'initiative', 'luck', 'death', 'concentration', 'hit', 'to hit', 'spell attack']

export const isAbility = (name: string): boolean => abilities.some((ability) => ability === name.toLowerCase())
export const isSkill = (name: string): boolean => abilityOf.has(name.toLowerCase())

const suffix = /\s+(?:check|roll|save|saving throw)$/i

/** Every name that a roll may have: skills, abilities, attacks, and what the sheets of the party name. */
const known = (party: readonly Character[]): string[] => [
  ...abilityOf.keys(),
  ...abilities,
  ...otherRolls,
  ...party.flatMap(({ skills }) => skills.map(({ name }) => name.toLowerCase())),
]

export interface RollName {
  /** The name as it is known, or undefined when nothing is near it. */
  readonly right: string | undefined
  readonly known: boolean
}

/** A name that a call gives, told apart from misspelt ones. */
export function rollName(text: string, party: readonly Character[]): RollName {
  const name = text.trim().replace(suffix, '').toLowerCase()
  const names = known(party)
  if (names.includes(name)) return { right: name, known: true }
  const near = nearest(name, names)
  // A slip of the hand, not another word: "charm animals" is no "animal handling".
  const slip = near !== undefined && Math.abs(near.length - name.length) <= 1 && sharedEnds(near, name) >= near.length - 2
  return { right: slip ? near : undefined, known: false }
}
