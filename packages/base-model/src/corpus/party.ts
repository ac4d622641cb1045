import { type SkillName, skillNames } from './attempt.js'
import { itemName, personNames, spellName } from './names.js'
import { locations, worlds } from './phrases/scenes.js'
import type { Choices } from './random.js'

const peoples = ['Human', 'Elf', 'Dwarf', 'Halfling', 'Half-Orc', 'Gnome', 'Dragonborn', 'Tiefling', 'Half-Elf'] as const
const classes = [
  'Fighter',
  'Wizard',
  'Rogue',
  'Cleric',
  'Ranger',
  'Bard',
  'Paladin',
  'Druid',
  'Monk',
  'Sorcerer',
  'Barbarian',
  'Warlock',
] as const

export interface Member {
  readonly name: string
  readonly skills: readonly { readonly name: SkillName; readonly bonus: number }[]
  readonly spells: readonly string[]
  readonly items: readonly string[]
}

export interface Party {
  /** The player first. */
  readonly members: readonly Member[]
  /** World, location and sheets, as a system prompt has them. */
  readonly text: string
}

const title = (text: string): string => text.replace(/(^|\s)[a-z]/g, (letter) => letter.toUpperCase())

function some<T>({ integer }: Choices, most: number, make: () => T): T[] {
  return [...new Set(Array.from({ length: 1 + integer(most) }, make))]
}

/** Who plays, where, and with what. */
export function party(choices: Choices): Party {
  const { pick, integer, chance } = choices
  const members = personNames(choices, 1 + integer(chance(0.2) ? 3 : 2)).map(
    (name): Member => ({
      name,
      skills: some(choices, 3, () => pick(skillNames)).map((skill) => ({ name: skill, bonus: 1 + integer(9) })),
      spells: chance(0.45) ? some(choices, 2, () => spellName(choices)) : [],
      items: some(choices, 3, () => itemName(choices)),
    }),
  )
  const sheets = members.map(({ name, skills, spells, items }, index) => {
    const health = 6 + integer(50)
    const level = 1 + integer(9)
    const facts = [
      name,
      index === 0 ? 'player' : 'companion',
      chance(0.85) ? `${pick(peoples)} ${pick(classes)}` : pick(classes),
      `level ${level}`,
      `health ${chance(0.6) ? health : 1 + integer(health)}/${health}`,
      ...(chance(0.7) ? [`exp ${integer(200) * 50}/${level * 3000}`] : []),
    ]
    return `- ${[
      `${facts.join(', ')}.`,
      `Skills: ${skills.map((skill) => `${title(skill.name)} +${skill.bonus}`).join(', ')}.`,
      ...(spells.length > 0 ? [`Spells: ${spells.join(', ')}.`] : []),
      `Carries: ${items.join(', ')}.`,
    ].join(' ')}`
  })
  const text = [`World: ${pick(worlds)}`, `Location: ${pick(locations)}`, ['Party:', ...sheets].join('\n')].join('\n\n')
  return { members, text }
}
