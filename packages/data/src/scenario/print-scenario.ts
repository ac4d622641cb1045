import { escapeText, type TextKind } from './escape.js'
import type { Character, Gauge, Item, Scenario, Skill, Spelling } from './model.js'
import { draft, readCharacterItem, readItem } from './parse-character.js'
import { closeTag, headingLine, openTag } from './section-names.js'

/**
 * A scenario as Markdown, in the spelling asked for. Reading it again gives the same scenario.
 *
 * @example
 * ```ts
 * printScenario(parseScenario(text), { spelling: 'conversation' })
 * ```
 */
export function printScenario(scenario: Scenario, { spelling = 'tags' }: { spelling?: Spelling } = {}): string {
  const tagged = spelling === 'tags'
  const section = (kind: 'system' | 'user' | 'dm' | 'tool', text: string) =>
    tagged
      ? `${openTag(kind)}\n${text === '' ? '' : `${text}\n`}${closeTag(kind)}\n`
      : `${headingLine(kind, spelling)}\n${text === '' ? '' : `\n${text}\n`}`
  return [
    ...(scenario.preamble ? [`${scenario.preamble}\n`] : []),
    section('system', tagged ? headed(scenario) : keyed(scenario)),
    ...(spelling === 'conversation' ? ['# CONVERSATION\n'] : []),
    ...scenario.turns.map(({ speaker, text }) => section(speaker, escapeText(text, 'turn'))),
  ].join('\n')
}

const parts = [
  ['Role', 'role'],
  ['World', 'world'],
  ['Location', 'location'],
] as const

const escaped = (text: string | undefined, kind: TextKind): string[] => (text ? [escapeText(text, kind)] : [])

/** SYSTEM with headings, a character as a heading with a list. */
function headed(scenario: Scenario): string {
  const { party, partyText, introduction, sections } = scenario
  const characters = party.map((character) =>
    [`## ${character.name}`, ...items(character).map((item) => `- ${item}`), ...escaped(character.description, 'party')].join(
      '\n',
    ),
  )
  return [
    ...escaped(introduction, 'system'),
    ...parts.flatMap(([title, key]) => (scenario[key] ? [`# ${title}\n${escapeText(scenario[key], 'system')}`] : [])),
    ...(party.length > 0 || partyText ? [['# Party', ...escaped(partyText, 'party'), ...characters].join('\n')] : []),
    ...sections.map(({ title, text }) => [`# ${title}`, ...escaped(text, 'system')].join('\n')),
  ].join('\n\n')
}

/** SYSTEM with keys, a character as one list item with a nested list of what does not fit. */
function keyed(scenario: Scenario): string {
  const { party, partyText, introduction, sections } = scenario
  const characters = party.flatMap((character) => {
    const fits = brief(character)
    const rest = items(character).filter((item) => !fits.includes(item))
    return [
      `- ${character.name} (${fits.map((item) => item.replace(/^Health:/, 'HP:')).join(', ')})`,
      ...rest.map((item) => `  - ${item}`),
      ...escaped(character.description, 'party').map((text) => text.replace(/^(?=.)/gm, '  ')),
    ]
  })
  return [
    ...escaped(introduction, 'system'),
    ...parts.flatMap(([title, key]) => (scenario[key] ? [`${title}: ${escapeText(scenario[key], 'system')}`] : [])),
    ...(party.length > 0 || partyText ? [['Party:', ...escaped(partyText, 'party'), ...characters].join('\n')] : []),
    ...sections.map(({ title, text }) => [`## ${title}`, ...escaped(text, 'system')].join('\n')),
  ].join('\n\n')
}

/** Everything about a character, an entry a line. */
function items(character: Character): string[] {
  const { kind, level, health, experience, inventory, spells, skills, other } = character
  return [
    ...(kind === undefined ? [] : [kind === 'player' ? 'Player Character' : 'NPC Companion']),
    ...(character.class === undefined ? [] : [classText(character.class)]),
    ...(level === undefined ? [] : [`Level ${level}`]),
    ...(health === undefined ? [] : [`Health: ${gauge(health)}`]),
    ...(experience === undefined ? [] : [`Exp: ${gauge(experience)}`]),
    ...(inventory.length === 0 ? [] : [`Inventory: ${inventory.map(itemText).join(', ')}`]),
    ...(spells.length === 0 ? [] : [`Spells: ${spells.join(', ')}`]),
    ...(skills.length === 0 ? [] : [`Skills: ${skills.map(skillText).join(', ')}`]),
    ...other,
  ]
}

/** The entries that stand in the parentheses after a name. */
function brief(character: Character): string[] {
  const { kind, level, health, experience } = character
  const short = items({
    ...draft(character.name),
    ...(kind === undefined ? {} : { kind }),
    ...(character.class === undefined ? {} : { class: character.class }),
    ...(level === undefined ? {} : { level }),
    ...(health === undefined ? {} : { health }),
    ...(experience === undefined ? {} : { experience }),
  })
  return short.filter((item) => !/[,()]/.test(item))
}

/** Bare, unless that would be read as something else. */
function classText(name: string): string {
  const read = draft('')
  readCharacterItem(read, name, { line: 0, source: name }, () => {})
  return read.class === name && read.level === undefined ? name : `Class: ${name}`
}

const gauge = ({ current, max }: Gauge): string => `${current}/${max}`

/** `torch`, `torch x2` or `50 gold pieces`: the first that is read as the same. */
export function itemText({ name, count }: Item): string {
  const counted = /s$| of /i.test(name) ? [`${count} ${name}`, `${name} x${count}`] : [`${name} x${count}`]
  const same = [...(count === 1 ? [name] : []), ...counted].find((text) => {
    const read = readItem(text)
    return read.name === name && read.count === count
  })
  return same ?? `${name} x${count}`
}

const skillText = ({ name, bonus }: Skill): string =>
  bonus === undefined ? name : `${name} ${bonus < 0 ? '-' : '+'}${Math.abs(bonus)}`
