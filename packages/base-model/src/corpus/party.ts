import { skillNames } from './attempts.js'
import { spellNames } from './deeds.js'
import { itemName, personNames } from './names.js'
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
const worlds = [
  'A green land of old forests and small kingdoms.',
  'An island realm where storms never rest.',
  'A cold country under two moons.',
  'A desert of ruined cities.',
  'A river valley of mills and markets, troubled by bandits.',
  'A mountain land where dwarves and giants trade.',
  'A fallen empire, overgrown and haunted.',
  'A coast of smugglers, lighthouses and fog.',
  'A quiet border march between two quarrelling dukes.',
  'A city of towers, guilds and secrets.',
] as const
const places = [
  'The cellar of an inn',
  'A narrow mountain pass',
  'The old mine',
  'A market square at noon',
  'The library of a wizard',
  'A ruined chapel',
  'The deck of a river barge',
  'A clearing in the forest',
  'The gate of a walled town',
  'A flooded crypt',
  'A watchtower at night',
  'The kitchen of a castle',
  'A rope bridge over a gorge',
  'A smithy at the edge of the village',
  'The throne room',
  'A cave behind a waterfall',
  'A camp by the road',
  'The harbour before dawn',
] as const
const moods = [
  'rain drums on the roof',
  'torches smoke on the walls',
  'fog lies over everything',
  'somebody is watching',
  'it smells of old stone',
  'the wind carries voices',
  'snow has begun to fall',
  'the candles have burned down',
] as const

export interface Party {
  readonly names: readonly string[]
  readonly text: string
}

const title = (text: string): string => text.replace(/(^|\s)[a-z]/g, (letter) => letter.toUpperCase())

/** The part of a system prompt that says where and who, with a sheet for each character. */
export function party(choices: Choices): Party {
  const { pick, integer, chance } = choices
  const names = personNames(choices, 1 + integer(3))
  const sheets = names.map((name, index) => {
    const health = 6 + integer(50)
    const skills = [...new Set(Array.from({ length: 1 + integer(3) }, () => title(pick(skillNames))))]
    const items = [...new Set(Array.from({ length: 1 + integer(3) }, () => itemName(choices)))]
    return `- ${[
      [
        name,
        index === 0 ? 'player' : pick(['player', 'companion']),
        chance(0.7) ? `${pick(peoples)} ${pick(classes)}` : pick(classes),
        `level ${1 + integer(9)}`,
        `health ${chance(0.6) ? health : 1 + integer(health)}/${health}`,
      ].join(', '),
      ...(chance(0.7) ? [`Skills: ${skills.map((skill) => `${skill} +${1 + integer(8)}`).join(', ')}.`] : []),
      ...(chance(0.35) ? [`Spells: ${[...new Set([pick(spellNames), pick(spellNames)])].join(', ')}.`] : []),
      `Carries: ${items.join(', ')}.`,
    ]
      .join('. ')
      .replaceAll('.. ', '. ')}`
  })
  const text = [`World: ${pick(worlds)}`, `Location: ${pick(places)}; ${pick(moods)}.`, ['Party:', ...sheets].join('\n')].join(
    '\n\n',
  )
  return { names, text }
}
