import { unescapeText } from './escape.js'
import type { Problem } from './finding.js'
import type { Character } from './model.js'
import { parseParty } from './parse-party.js'
import { headingOf, sectionKind } from './section-names.js'
import { type Line, trimmed } from './source-lines.js'

type Part = 'role' | 'world' | 'location' | 'party'

export interface System {
  introduction?: string
  role?: string
  world?: string
  location?: string
  partyText?: string
  party: readonly Character[]
  sections: readonly { title: string; text: string }[]
}

/** Lines of things that findings name. */
export interface SystemPlaces {
  readonly characters: readonly number[]
  readonly parts: ReadonlyMap<Part, number>
}

interface Piece {
  readonly title: string
  readonly part: Part | undefined
  readonly line: number
  readonly body: Line[]
}

const keyLine = /^[ \t]*(role|world|location|party)[ \t]*:(.*)$/i
const isKey = (text: string): boolean => text.includes(':') && keyLine.test(text)
const partOf = (title: string): Part | undefined => {
  const word = title.replace(/:$/, '').trim().toLowerCase()
  return word === 'role' || word === 'world' || word === 'location' || word === 'party' ? word : undefined
}

/** The parts of SYSTEM, under headings (`# World`) or after keys (`World:`); the first that is found decides which. */
export function parseSystem(
  lines: readonly Line[],
  report: (problem: Problem) => void,
): { system: System; places: SystemPlaces } {
  const { introduction, pieces } = cut(lines)
  const system: System = { party: [], sections: [] }
  const parts = new Map<Part, number>()
  let characters: readonly number[] = []
  const before = trimmed(introduction)
  if (before.text !== '') system.introduction = unescapeText(before.text, 'system')
  for (const piece of pieces) {
    const { part, title, line } = piece
    if (sectionKind(title) !== undefined)
      report({
        code: 'mixed-spelling',
        line,
        message: `The heading "${title}" begins a section inside SYSTEM.`,
        fix: 'Close SYSTEM before it and use the same kind of mark for every section; or give this part another title.',
      })
    if (part !== undefined) {
      if (parts.has(part)) report(twice(title, line, parts.get(part)!))
      parts.set(part, line)
    }
    if (part === 'party') {
      const read = parseParty(piece.body, report)
      system.party = [...system.party, ...read.party]
      characters = [...characters, ...read.lines]
      if (read.text !== '') system.partyText = read.text
      continue
    }
    const text = unescapeText(trimmed(piece.body).text, 'system')
    if (part === undefined) system.sections = [...system.sections, { title, text }]
    else if (text !== '') system[part] = system[part] === undefined ? text : `${system[part]}\n${text}`
  }
  return { system, places: { characters, parts } }
}

function cut(lines: readonly Line[]): { introduction: Line[]; pieces: Piece[] } {
  const introduction: Line[] = []
  const pieces: Piece[] = []
  const first = lines.find(({ text }) => isKey(text) || headingOf(text))
  const base = first === undefined ? 0 : (headingOf(first.text)?.marks.length ?? 0)
  for (const line of lines) {
    const key = base === 0 && line.text.includes(':') ? keyLine.exec(line.text) : null
    const heading = headingOf(line.text)
    // With keys, only ## begins another part; with headings, those as high as the first.
    if (key) {
      const body = [{ text: key[2]!, number: line.number }]
      pieces.push({ title: key[1]!, part: partOf(key[1]!), line: line.number, body })
    } else if (heading && heading.marks.length <= (base === 0 ? 2 : base)) {
      pieces.push({ title: heading.title, part: partOf(heading.title), line: line.number, body: [] })
    } else (pieces.at(-1)?.body ?? introduction).push(line)
  }
  return { introduction, pieces }
}

const twice = (title: string, line: number, before: number): Problem => ({
  code: 'duplicate-part',
  line,
  message: `${title} is there twice; the first is on line ${before}.`,
  fix: 'Keep one of them, or join them.',
})
