import { unescapeText } from './escape.js'
import type { Problem } from './finding.js'
import type { Character } from './model.js'
import { parseParty } from './parse-party.js'
import { headingOf, sectionKind } from './section-names.js'
import { isSpace, type Line, trimmed } from './source-lines.js'

type Part = 'role' | 'world' | 'location' | 'party'

export interface System {
  introduction?: string
  role?: string
  world?: string
  location?: string
  partyText?: string
  readonly party: Character[]
  readonly sections: { title: string; text: string }[]
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
/** A key begins with one of these; items of lists, which have colons too, do not. */
const keyLetters = new Set(Array.from('rwlpRWLP', (letter) => letter.charCodeAt(0)))

function keyOf(text: string): RegExpExecArray | null {
  let start = 0
  while (isSpace(text.charCodeAt(start))) start++
  return keyLetters.has(text.charCodeAt(start)) && text.includes(':') ? keyLine.exec(text) : null
}

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
  const characters: number[] = []
  const before = trimmed(introduction)
  if (before !== '') system.introduction = unescapeText(before, 'system')
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
      for (const character of read.party) system.party.push(character)
      for (const start of read.lines) characters.push(start)
      if (read.text !== '') system.partyText = read.text
      continue
    }
    const text = unescapeText(trimmed(piece.body), 'system')
    if (part === undefined) system.sections.push({ title, text })
    else if (text !== '') system[part] = system[part] === undefined ? text : `${system[part]}\n${text}`
  }
  return { system, places: { characters, parts } }
}

function cut(lines: readonly Line[]): { introduction: Line[]; pieces: Piece[] } {
  const introduction: Line[] = []
  const pieces: Piece[] = []
  let body = introduction
  /** How many # the first heading has; 0 where keys are first. */
  let base: number | undefined
  const begin = (title: string, line: number, first: Line[]) => {
    body = first
    pieces.push({ title, part: partOf(title), line, body })
  }
  for (const line of lines) {
    const heading = headingOf(line.text)
    const key = heading === undefined && (base ?? 0) === 0 ? keyOf(line.text) : null
    base ??= key ? 0 : heading?.marks.length
    // With keys, only ## begins another part; with headings, those as high as the first.
    if (key) begin(key[1]!, line.number, [{ text: key[2]!, number: line.number }])
    else if (heading && heading.marks.length <= (base === 0 ? 2 : base!)) begin(heading.title, line.number, [])
    else body.push(line)
  }
  return { introduction, pieces }
}

const twice = (title: string, line: number, before: number): Problem => ({
  code: 'duplicate-part',
  line,
  message: `${title} is there twice; the first is on line ${before}.`,
  fix: 'Keep one of them, or join them.',
})
