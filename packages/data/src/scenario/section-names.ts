import { nearest } from '@qt/core'
import type { Speaker, Spelling } from './model.js'
import { isSpace, trimSpaces } from './source-lines.js'

export type SectionKind = 'system' | Speaker

const kinds: ReadonlyMap<string, SectionKind | 'conversation'> = new Map([
  ['system', 'system'],
  ['user', 'user'],
  ['dm', 'dm'],
  ['toolcall', 'tool'],
  ['conversation', 'conversation'],
])
/** Names as they are nearly always written. */
const spelt = new Map<string, SectionKind | 'conversation'>()
for (const [name, kind] of kinds)
  for (const one of [name, name.toUpperCase(), name[0]!.toUpperCase() + name.slice(1)]) spelt.set(one, kind)

const bare = (name: string): string => name.toLowerCase().replace(/[ _:#*-]+/g, '')

/** The section that a name stands for: `TOOLCALL`, `Tool Call`, `tool_call`. */
export const sectionKind = (name: string): SectionKind | 'conversation' | undefined => {
  return spelt.get(name) ?? kinds.get(name.toLowerCase()) ?? kinds.get(bare(name))
}

/** The section that a misspelt name was meant to be, or undefined for other words. */
export function nearSection(name: string): SectionKind | 'conversation' | undefined {
  const word = bare(name)
  if (!/^[a-z]{3,14}$/.test(word) && !/^(D[A-Z]|[A-Z]M)$/.test(name)) return undefined
  const near = nearest(word, [...kinds.keys()])
  return near !== undefined && Math.abs(near.length - word.length) <= 1 && sharedEnds(near, word) >= near.length - 2
    ? kinds.get(near)
    : undefined
}

/** How many letters two words share at their ends. */
export function sharedEnds(a: string, b: string): number {
  let front = 0
  while (front < Math.min(a.length, b.length) && a[front] === b[front]) front++
  let back = 0
  while (back < Math.min(a.length, b.length) - front && a.at(-1 - back) === b.at(-1 - back)) back++
  return front + back
}

const tagNames = { system: 'SYSTEM', user: 'User', dm: 'DM', tool: 'TOOLCALL' } as const
const headingNames = { system: 'SYSTEM', user: 'USER', dm: 'DM', tool: 'TOOLCALL' } as const

export const openTag = (kind: SectionKind): string => `<${tagNames[kind]}>`
export const closeTag = (kind: SectionKind): string => `</${tagNames[kind]}>`

/** The heading of a section in one of the two spellings that have headings. */
export const headingLine = (kind: SectionKind, spelling: Spelling): string =>
  spelling === 'conversation' && kind !== 'system' ? `## ${tagNames[kind]}` : `# ${headingNames[kind]}`

const tagStart = /^\s*<(system|user|dm|tool[ _]?call)\s*>/i
export interface Heading {
  readonly marks: string
  readonly title: string
}

/** The heading that a line is: up to three blanks, one to six #, a blank, the title. By hand, as every line is asked. */
export function headingOf(text: string): Heading | undefined {
  let start = 0
  while (start < 3 && isSpace(text.charCodeAt(start))) start++
  let end = start
  while (end < start + 7 && text.charCodeAt(end) === 0x23) end++
  if (end === start || end > start + 6 || !isSpace(text.charCodeAt(end))) return undefined
  return { marks: text.slice(start, end), title: trimSpaces(text, end + 1) }
}

/** Which spelling a line begins, if any. */
export function spellingOf(text: string): Spelling | undefined {
  if (text.includes('<') && tagStart.test(text)) return 'tags'
  const heading = headingOf(text)
  if (!heading || heading.marks.length > 2) return undefined
  const kind = sectionKind(heading.title)
  return kind === undefined ? undefined : kind === 'conversation' || heading.marks.length === 2 ? 'conversation' : 'headings'
}
