import type { Problem } from './finding.js'
import type { Character, Gauge, Item, Skill } from './model.js'
import { misspeltField } from './sheet-field.js'
import { splitCommas } from './source-lines.js'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }
type Lists = 'inventory' | 'spells' | 'skills' | 'other'
export type Draft = Mutable<Omit<Character, Lists>> & { readonly [List in Lists]: Character[List][number][] }

export const draft = (name: string): Draft => ({ name, inventory: [], spells: [], skills: [], other: [] })

const kindWords = /^(?:kind\s*:\s*)?(?:(player character|player|pc)|(npc companion|companion|npc))$/i
const levelShape = /^(?:level|lvl)\s*:?\s+(.+)$/i
const fields = new Set(['class', 'health', 'hp', 'hit points', 'exp', 'experience', 'xp', 'inventory', 'spells', 'skills'])
const levelNumber = /^(\d{1,4})(?:\s+([^\d:].*))?$/
const usualSkill = /^([A-Za-z]+(?: [A-Za-z]+)*) ([+-])(\d{1,4})$/
const usualGauge = /^(\d{1,9})\/(\d{1,9})$/
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
export const readCharacterItem = (character: Draft, text: string, place: Place, report: (problem: Problem) => void): void =>
  new SheetItem(character, text, place, report).read()

/** What kinds of characters and levels, and gauges without a colon, begin with. */
const kindLetters = letters('kpcn')
const gaugeLetters = letters('hex')
const levelLetters = letters('l')

function letters(small: string): ReadonlySet<number> {
  return new Set(Array.from(small + small.toUpperCase(), (letter) => letter.charCodeAt(0)))
}

class SheetItem {
  constructor(
    private readonly character: Draft,
    private readonly text: string,
    private readonly place: Place,
    private readonly report: (problem: Problem) => void,
  ) {}

  read(): void {
    const { character, text } = this
    const colon = text.indexOf(':')
    if (colon > 0) {
      const name = text.slice(0, colon).trimEnd().toLowerCase()
      if (fields.has(name)) return this.readField(name, text.slice(colon + 1).trim())
    }
    const first = text.charCodeAt(0)
    const kind = kindLetters.has(first) ? kindWords.exec(text) : null
    if (kind) {
      if (character.kind !== undefined) this.twice('the kind of character')
      character.kind = kind[1] ? 'player' : 'companion'
      return
    }
    const level = levelLetters.has(first) ? levelShape.exec(text)?.[1] : undefined
    if (level !== undefined) return this.readLevel(level)
    const field = gaugeLetters.has(first) ? shortGauge.exec(text) : null
    if (field) return this.readField(field[1]!.toLowerCase(), field[2]!.trim())
    const misspelt = misspeltField(text)
    if (misspelt) {
      const { said, right } = misspelt
      this.report({
        code: 'misspelt-field',
        severity: 'warning',
        line: this.place.line,
        message: `"${said}" is no entry of a sheet that is known here.`,
        fix: { label: `Write ${right}.`, ...this.swap(text.replace(said, right)) },
      })
    }
    if (character.class === undefined && colon < 0 && !misspelt) character.class = text
    else character.other.push(text)
  }

  private swap(right: string) {
    return { line: this.place.line, replace: [this.place.source.replace(this.text, () => right)] }
  }

  private twice(field: string): void {
    this.report({
      code: 'duplicate-field',
      line: this.place.line,
      message: `${this.character.name} has two entries for ${field}.`,
      fix: `Keep one of them, or join them.`,
    })
  }

  private readLevel(value: string): void {
    const { character, text } = this
    const [, digits, more] = levelNumber.exec(value) ?? []
    if (digits === undefined) {
      this.report({
        code: 'bad-level',
        line: this.place.line,
        message: `"${text}" is no level.`,
        fix: 'Write Level and a number: Level 3.',
      })
      character.other.push(text)
      return
    }
    if (character.level !== undefined) this.twice('the level')
    character.level = Number(digits)
    if (more !== undefined && character.class === undefined) character.class = more.trim()
  }

  private readField(name: string, value: string): void {
    const { character } = this
    if (name === 'class') {
      if (character.class !== undefined) this.twice('the class')
      if (value !== '') character.class = value
    } else if (name === 'inventory') {
      if (character.inventory.length > 0) this.twice('Inventory')
      for (const item of list(value)) character.inventory.push(readItem(item))
    } else if (name === 'spells') {
      if (character.spells.length > 0) this.twice('Spells')
      for (const spell of list(value)) character.spells.push(spell)
    } else if (name === 'skills') {
      if (character.skills.length > 0) this.twice('Skills')
      for (const skill of list(value)) character.skills.push(readSkill(skill))
    } else this.readGauge(name.startsWith('exp') || name === 'xp' ? 'experience' : 'health', value)
  }

  private readGauge(field: 'health' | 'experience', value: string): void {
    const { character, text } = this
    const { line } = this.place
    const label = field === 'health' ? 'Health' : 'Exp'
    if (character[field] !== undefined) this.twice(label)
    const gauge = gaugeOf(value)
    if (gauge === undefined) {
      const example = field === 'health' ? 'Health: 18/18' : 'Exp: 750/2700'
      this.report({
        code: field === 'health' ? 'bad-health' : 'bad-experience',
        line,
        message: `"${text}" is no ${field}.`,
        fix: `Write two numbers: ${example}.`,
      })
      character.other.push(text)
      return
    }
    character[field] = gauge
    if (!value.includes('/'))
      this.report({
        code: 'half-gauge',
        severity: 'warning',
        line,
        message: `"${text}" does not say the most it can be.`,
        fix: { label: `Write ${label}: ${value}/${value}.`, ...this.swap(`${label}: ${value}/${value}`) },
      })
  }
}

function gaugeOf(value: string): Gauge | undefined {
  const usual = usualGauge.exec(value)
  if (usual) return { current: Number(usual[1]), max: Number(usual[2]) }
  const plain = /[,.]/.test(value) ? value.replaceAll(/(\d)[,.](?=\d{3}\b)/g, '$1') : value
  const match = /^([-−]?\d{1,9})(?:\s*\/\s*(\d{1,9}))?$/.exec(plain)
  if (!match) return undefined
  const current = Number(match[1]!.replace('−', '-'))
  return { current, max: match[2] === undefined ? current : Number(match[2]) }
}

const longestNothing = 'nothing'.length

/** Whether there may be white space that is not one blank: every character beyond ASCII counts as such. */
function isUneven(text: string): boolean {
  let before = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 || unit >= 0x80 || (unit === 0x20 && before === 0x20)) return true
    before = unit
  }
  return false
}

const list = (value: string): string[] =>
  value.length <= longestNothing && nothing.test(value) ? [] : splitCommas(isUneven(value) ? value.replace(/\s+/g, ' ') : value)

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
  const usual = usualSkill.exec(text)
  if (usual) return { name: usual[1]!, bonus: usual[2] === '-' ? -Number(usual[3]) : Number(usual[3]) }
  const match = /\d\)?$/.test(text) ? /^(.+?)\s*[:(]?\s*([+\-−–])\s*(\d{1,4})\)?$/.exec(text) : null
  if (!match) return { name: text }
  return { name: match[1]!, bonus: /[-−–]/.test(match[2]!) ? -Number(match[3]) : Number(match[3]) }
}
