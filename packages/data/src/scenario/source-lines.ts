/** A line of a file, and its number from 1. */
export interface Line {
  readonly text: string
  readonly number: number
}

const lineEnd = /\r\n|\n|\r/

/** The lines of a text without a byte order mark, whatever ends them. */
export const sourceLines = (text: string): Line[] =>
  text
    .replace(/^\uFEFF/, '')
    .split(lineEnd)
    .map((line, index) => ({ text: line, number: index + 1 }))

/** The text without blank lines around it, and the line where it begins. */
export function trimmed(lines: readonly Line[]): { text: string; line: number } {
  const joined = lines.map(({ text }) => text).join('\n')
  const first = lines.find(({ text }) => text.trim() !== '') ?? lines[0]
  return { text: joined.trim(), line: first?.number ?? 1 }
}

/** Splits at commas that stand in no parentheses. */
export function splitCommas(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let from = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    else if (text[i] === ')') depth = Math.max(0, depth - 1)
    else if (text[i] === ',' && depth === 0) {
      parts.push(text.slice(from, i))
      from = i + 1
    }
  }
  parts.push(text.slice(from))
  return parts.map((part) => part.trim()).filter((part) => part !== '')
}

/** The beginning of a line, to be quoted. */
export const short = (text: string): string => {
  const plain = text.trim()
  return plain.length > 40 ? `${plain.slice(0, 37)}…` : plain
}
