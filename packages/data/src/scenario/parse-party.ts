import { unescapeText } from './escape.js'
import type { Problem } from './finding.js'
import type { Character } from './model.js'
import { type Draft, draft, readCharacterItem } from './parse-character.js'
import { type Heading, headingOf } from './section-names.js'
import { isSpace, type Line, splitCommas, trimSpaces } from './source-lines.js'

interface ListItem {
  readonly indent: number
  readonly text: string
}

/** `  - text  `, by hand: sheets are lists, and a pattern for it takes a fifth of the time of a scenario. */
function listItemOf(line: string): ListItem | undefined {
  let indent = 0
  while (isSpace(line.charCodeAt(indent))) indent++
  const mark = line[indent]
  if ((mark !== '-' && mark !== '*' && mark !== '+') || !isSpace(line.charCodeAt(indent + 1))) return undefined
  return { indent, text: trimSpaces(line, indent + 2) }
}

interface Party {
  readonly party: readonly Character[]
  /** Where each character begins. */
  readonly lines: readonly number[]
  /** What stands before the first character. */
  readonly text: string
}

/** Characters as `## Name` with list items, or as list items `- Name (Dwarf Fighter, Level 3, HP: 18/18)`. */
export function parseParty(lines: readonly Line[], report: (problem: Problem) => void): Party {
  const items: (ListItem | undefined)[] = []
  const headings: (Heading | undefined)[] = []
  let headed = false
  let indent = Number.POSITIVE_INFINITY
  for (const { text } of lines) {
    const item = listItemOf(text)
    const heading = item === undefined ? headingOf(text) : undefined
    items.push(item)
    headings.push(heading)
    if (heading) headed = true
    if (item && item.indent < indent) indent = item.indent
  }
  const characters: Draft[] = []
  const places: number[] = []
  const loose: string[] = []
  const descriptions = new Map<Draft, string[]>()

  for (let index = 0; index < lines.length; index++) {
    const { text, number } = lines[index]!
    const place = { line: number, source: text }
    const heading = headings[index]
    const item = items[index]
    const last = characters.at(-1)
    if (heading) begin(heading.title, number)
    else if (!headed && item && item.indent <= indent) {
      const { name, details } = nameAndDetails(item.text)
      const character = begin(name, number)
      for (const detail of details) readCharacterItem(character, detail, place, report)
    } else if (item && last) {
      if (item.text !== '') readCharacterItem(last, item.text, place, report)
    } else if (last) {
      const known = descriptions.get(last)
      if (known) known.push(text.trim())
      else descriptions.set(last, [text.trim()])
    } else loose.push(text)
  }
  for (const [character, texts] of descriptions) {
    const text = texts.join('\n').trim()
    if (text !== '') character.description = unescapeText(text, 'party')
  }
  return { party: characters, lines: places, text: unescapeText(loose.join('\n').trim(), 'party') }

  function begin(name: string, line: number): Draft {
    if (name === '')
      report({
        code: 'nameless-character',
        line,
        message: 'A character has no name.',
        fix: 'Write the name after the mark: ## Kara.',
      })
    const character = draft(name)
    characters.push(character)
    places.push(line)
    return character
  }
}

/** `Kara (Dwarf Fighter, Level 3)`: the last parentheses hold the details. */
export function nameAndDetails(text: string): { name: string; details: string[] } {
  if (!text.endsWith(')')) return { name: text, details: [] }
  let depth = 0
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === ')') depth++
    else if (text[i] === '(' && --depth === 0)
      return { name: text.slice(0, i).trim(), details: splitCommas(text.slice(i + 1, -1)) }
  }
  return { name: text, details: [] }
}
