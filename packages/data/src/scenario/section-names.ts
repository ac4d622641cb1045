import { nearest } from '@qt/core'
import type { Speaker, Spelling } from './model.js'

export type SectionKind = 'system' | Speaker

const kinds: Readonly<Record<string, SectionKind | 'conversation'>> = {
  system: 'system',
  user: 'user',
  dm: 'dm',
  toolcall: 'tool',
  conversation: 'conversation',
}
const bare = (name: string): string => name.toLowerCase().replace(/[ _:#*-]+/g, '')

/** The section that a name stands for: `TOOLCALL`, `Tool Call`, `tool_call`. */
export const sectionKind = (name: string): SectionKind | 'conversation' | undefined => {
  const word = bare(name)
  return Object.hasOwn(kinds, word) ? kinds[word] : undefined
}

/** The section that a misspelt name was meant to be, or undefined for other words. */
export function nearSection(name: string): SectionKind | 'conversation' | undefined {
  const word = bare(name)
  if (!/^[a-z]{3,14}$/.test(word) && !/^(D[A-Z]|[A-Z]M)$/.test(name)) return undefined
  const near = nearest(word, Object.keys(kinds))
  return near !== undefined && Math.abs(near.length - word.length) <= 1 && sharedEnds(near, word) >= near.length - 2
    ? kinds[near]
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
export const headingShape = /^[ \t]{0,3}(#{1,6})[ \t]+(.*?)[ \t]*$/

/** Which spelling a line begins, if any. */
export function spellingOf(text: string): Spelling | undefined {
  if (tagStart.test(text)) return 'tags'
  const heading = headingShape.exec(text)
  if (!heading || heading[1]!.length > 2) return undefined
  const kind = sectionKind(heading[2]!)
  return kind === undefined ? undefined : kind === 'conversation' || heading[1]!.length === 2 ? 'conversation' : 'headings'
}
