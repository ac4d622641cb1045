/** A line of a file, and its number from 1. */
export interface Line {
  readonly text: string
  readonly number: number
}

const lineEnd = /\r\n|\n|\r/

/** The lines of a text without a byte order mark, whatever ends them. */
export function sourceLines(text: string): Line[] {
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text
  // Splitting at a letter is several times as fast as splitting at a pattern.
  return plain.split(plain.includes('\r') ? lineEnd : '\n').map((line, index) => ({ text: line, number: index + 1 }))
}

/** The text without blank lines around it, and the line where it begins; that of nothing but blanks is the first. */
export function trimmed(lines: readonly Line[]): { text: string; line: number } {
  let from = 0
  while (from < lines.length && isBlank(lines[from]!.text)) from++
  if (from === lines.length) return { text: '', line: lines[0]?.number ?? 1 }
  let to = lines.length
  while (isBlank(lines[to - 1]!.text)) to--
  let text = lines[from]!.text
  for (let i = from + 1; i < to; i++) text += `\n${lines[i]!.text}`
  return { text: text.trim(), line: lines[from]!.number }
}

const isBlank = (text: string): boolean => text.trim() === ''

/** A blank or a tab. */
export const isSpace = (unit: number): boolean => unit === 0x20 || unit === 0x09

/** What begins at `from`, without blanks and tabs around it. */
export function trimSpaces(text: string, from: number): string {
  let start = from
  while (isSpace(text.charCodeAt(start))) start++
  let end = text.length
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

/** Splits at commas that stand in no parentheses. */
export function splitCommas(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  const take = (part: string) => {
    const plain = part.trim()
    if (plain !== '') parts.push(plain)
  }
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit === 0x28) depth++
    else if (unit === 0x29) depth = Math.max(0, depth - 1)
    else if (unit === 0x2c && depth === 0) {
      take(text.slice(from, i))
      from = i + 1
    }
  }
  take(text.slice(from))
  return parts
}

/** The beginning of a line, to be quoted. */
export const short = (text: string): string => {
  const plain = text.trim()
  return plain.length > 40 ? `${plain.slice(0, 37)}…` : plain
}
