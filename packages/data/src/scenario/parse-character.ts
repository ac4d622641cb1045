import type { Problem } from './finding.js'
import type { Character, Gauge, Item, Skill } from './model.js'
import { misspeltField } from './sheet-field.js'
import { splitCommas } from './source-lines.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
export type Draft = Mutable<Character>

export const draft = (name: string): Draft => ({ name, inventory: [], spells: [], skills: [], other: [] })

const kindWords = /^(?:kind\s*:\s*)?(?:(player character|player|pc)|(npc companion|companion|npc))$/i
const levelShape = /^(?:level|lvl)\s*:?\s+(.+)$/i
const fields = new Set(['class', 'health', 'hp', 'hit points', 'exp', 'experience', 'xp', 'inventory', 'spells', 'skills'])
const shortGauge = /^(hp|exp|xp)\s+(\d.*)$/i
const nothing = /^(none|empty|nothing|-|–|—)?$/i

export interface Place {
  readonly line: number
  /** The whole line, and the part of it that this item is, for fixes. */
  readonly source: string
}

/**
 * Reads one thing that is said of a character: `Level 3`, `Health: 18/18`, `Dwarf Fighter`. What is not understood is kept in `other`.
 */
export function readCharacterItem(character: Draft, text: string, place: Place, report: (problem: Problem) => void): void {
  const { line } = place
  const swap = (right: string) => ({ line, replace: [place.source.replace(text, () => right)] })
  const twice = (field: string) =>
    report({
      code: 'duplicate-field',
      line,
      message: `${character.name} has two entries for ${field}.`,
      fix: `Keep one of them, or join them.`,
    })

  const colon = text.indexOf(':')
  if (colon > 0) {
    const name = text.slice(0, colon).trimEnd().toLowerCase()
    if (fields.has(name)) return readField(name, text.slice(colon + 1).trim())
  }
  const kind = kindWords.exec(text)
  if (kind) {
    if (character.kind !== undefined) twice('the kind of character')
    character.kind = kind[1] ? 'player' : 'companion'
    return
  }
  const level = levelShape.exec(text)?.[1]
  if (level !== undefined) return readLevel(level)
  const field = shortGauge.exec(text)
  if (field) return readField(field[1]!.toLowerCase(), field[2]!.trim())
  const misspelt = misspeltField(text)
  if (misspelt) {
    const { said, right } = misspelt
    report({
      code: 'misspelt-field',
      severity: 'warning',
      line,
      message: `"${said}" is no entry of a sheet that is known here.`,
      fix: { label: `Write ${right}.`, ...swap(text.replace(said, right)) },
    })
  }
  if (character.class === undefined && !text.includes(':') && !misspelt) character.class = text
  else character.other = [...character.other, text]

  function readLevel(value: string): void {
    const [, digits, more] = /^(\d{1,4})(?:\s+([^\d:].*))?$/.exec(value) ?? []
    if (digits === undefined) {
      report({ code: 'bad-level', line, message: `"${text}" is no level.`, fix: 'Write Level and a number: Level 3.' })
      character.other = [...character.other, text]
      return
    }
    if (character.level !== undefined) twice('the level')
    character.level = Number(digits)
    if (more !== undefined && character.class === undefined) character.class = more.trim()
  }

  function readField(name: string, value: string): void {
    if (name === 'class') {
      if (character.class !== undefined) twice('the class')
      if (value !== '') character.class = value
    } else if (name === 'inventory') {
      if (character.inventory.length > 0) twice('Inventory')
      character.inventory = [...character.inventory, ...list(value).map(readItem)]
    } else if (name === 'spells') {
      if (character.spells.length > 0) twice('Spells')
      character.spells = [...character.spells, ...list(value)]
    } else if (name === 'skills') {
      if (character.skills.length > 0) twice('Skills')
      character.skills = [...character.skills, ...list(value).map(readSkill)]
    } else readGauge(name.startsWith('exp') || name === 'xp' ? 'experience' : 'health', value)
  }

  function readGauge(field: 'health' | 'experience', value: string): void {
    const label = field === 'health' ? 'Health' : 'Exp'
    if (character[field] !== undefined) twice(label)
    const gauge = gaugeOf(value)
    if (gauge === undefined) {
      const example = field === 'health' ? 'Health: 18/18' : 'Exp: 750/2700'
      report({
        code: field === 'health' ? 'bad-health' : 'bad-experience',
        line,
        message: `"${text}" is no ${field}.`,
        fix: `Write two numbers: ${example}.`,
      })
      character.other = [...character.other, text]
      return
    }
    character[field] = gauge
    if (!value.includes('/'))
      report({
        code: 'half-gauge',
        severity: 'warning',
        line,
        message: `"${text}" does not say the most it can be.`,
        fix: { label: `Write ${label}: ${value}/${value}.`, ...swap(`${label}: ${value}/${value}`) },
      })
  }
}

function gaugeOf(value: string): Gauge | undefined {
  const plain = /[,.]/.test(value) ? value.replaceAll(/(\d)[,.](?=\d{3}\b)/g, '$1') : value
  const match = /^([-−]?\d{1,9})(?:\s*\/\s*(\d{1,9}))?$/.exec(plain)
  if (!match) return undefined
  const current = Number(match[1]!.replace('−', '-'))
  return { current, max: match[2] === undefined ? current : Number(match[2]) }
}

const list = (value: string): string[] => (nothing.test(value) ? [] : splitCommas(value.replace(/\s+/g, ' ')))

/** `torch`, `torch x2`, `2 torches`, `50 gold pieces`. */
export function readItem(text: string): Item {
  if (!/\d/.test(text)) return { name: text, count: 1 }
  const after = /^(.+?)\s*[x×]\s*(\d{1,9})$/i.exec(text)
  if (after && /[\s×]|x\s*\d+$/i.test(text) && /(\s[x×]|×)\s*\d+$/i.test(text))
    return { name: after[1]!, count: Number(after[2]) }
  const before = /^(\d{1,9})(?:\s*[x×])?\s+(.+)$/i.exec(text)
  return before ? { name: before[2]!, count: Number(before[1]) } : { name: text, count: 1 }
}

/** `Stealth +7`, also `Stealth: +7` and `Stealth (+7)`. */
function readSkill(text: string): Skill {
  const match = /\d\)?$/.test(text) ? /^(.+?)\s*[:(]?\s*([+\-−–])\s*(\d{1,4})\)?$/.exec(text) : null
  if (!match) return { name: text }
  return { name: match[1]!, bonus: /[-−–]/.test(match[2]!) ? -Number(match[3]) : Number(match[3]) }
}
