/** Structure that the text of a turn may hold only behind a backslash: section tags, and headings at the start of a line. */
const tag = /(?<!\\)(\\*)(<\/?(?:system|user|dm|tool[ _]?call)\s*>)/gi
const heading = /^([ \t]*)(\\*)(#)/gm
/** In SYSTEM also the four keys, and in the party list items. */
const key = /^([ \t]*)(\\*)((?:role|world|location|party)[ \t]*:)/gim
const item = /^([ \t]*)(\\*)([-*+][ \t])/gm

export type TextKind = 'turn' | 'system' | 'party'
const lineMarks: Readonly<Record<TextKind, readonly RegExp[]>> = {
  turn: [heading],
  system: [heading, key],
  party: [heading, key, item],
}

/** Puts a backslash before what would be read as structure. */
export function escapeText(text: string, kind: TextKind): string {
  let out = text.replace(tag, '\\$1$2')
  for (const mark of lineMarks[kind]) out = out.replace(mark, '$1\\$2$3')
  return out
}

/** Takes one backslash away where `escapeText` puts one. */
export function unescapeText(text: string, kind: TextKind): string {
  if (!text.includes('\\')) return text
  let out = text.replace(tag, (_, slashes: string, rest: string) => slashes.slice(1) + rest)
  for (const mark of lineMarks[kind])
    out = out.replace(mark, (_, space: string, slashes: string, rest: string) => space + slashes.slice(1) + rest)
  return out
}
