import { unescapeText } from './escape.js'
import type { Problem } from './finding.js'
import type { Character } from './model.js'
import { type Draft, draft, readCharacterItem } from './parse-character.js'
import { headingShape } from './section-names.js'
import { type Line, splitCommas } from './source-lines.js'

const listItem = /^([ \t]*)[-*+][ \t]+(.*?)[ \t]*$/

interface Party {
  readonly party: readonly Character[]
  /** Where each character begins. */
  readonly lines: readonly number[]
  /** What stands before the first character. */
  readonly text: string
}

/** Characters as `## Name` with list items, or as list items `- Name (Dwarf Fighter, Level 3, HP: 18/18)`. */
export function parseParty(lines: readonly Line[], report: (problem: Problem) => void): Party {
  const headed = lines.some(({ text }) => headingShape.test(text))
  const indent = lines.reduce(
    (least, { text }) => Math.min(least, listItem.exec(text)?.[1]?.length ?? least),
    Number.POSITIVE_INFINITY,
  )
  const characters: Draft[] = []
  const places: number[] = []
  const loose: string[] = []
  const descriptions = new Map<Draft, string[]>()

  for (const line of lines) {
    const { text, number } = line
    const place = { line: number, source: text }
    const heading = headingShape.exec(text)
    const item = listItem.exec(text)
    const last = characters.at(-1)
    if (headed && heading) begin(heading[2]!, number)
    else if (!headed && item && item[1]!.length <= indent) {
      const { name, details } = nameAndDetails(item[2]!)
      const character = begin(name, number)
      for (const detail of details) readCharacterItem(character, detail, place, report)
    } else if (item && last) {
      if (item[2] !== '') readCharacterItem(last, item[2]!, place, report)
    } else if (last) descriptions.set(last, [...(descriptions.get(last) ?? []), text.trim()])
    else loose.push(text)
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
