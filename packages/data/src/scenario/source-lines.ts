/** A line of a file, or some that follow one another, and the number of the first from 1. */
export interface Line {
  readonly text: string
  readonly number: number
}

/** A text without a byte order mark, whose lines all end alike. */
export function plainText(text: string): string {
  const plain = text.startsWith('\uFEFF') ? text.slice(1) : text
  return plain.includes('\r') ? plain.replace(/\r\n?/g, '\n') : plain
}

/** The lines of a text without a byte order mark, whatever ends them. */
export const sourceLines = (text: string): Line[] => linesOf([{ text: plainText(text), number: 1 }])

/** Each line by itself. */
export function linesOf(chunks: readonly Line[]): Line[] {
  const lines: Line[] = []
  for (const chunk of chunks) {
    if (!chunk.text.includes('\n')) lines.push(chunk)
    else {
      let { number } = chunk
      for (const text of chunk.text.split('\n')) lines.push({ text, number: number++ })
    }
  }
  return lines
}

/** The text without white space around it. */
export const trimmed = (chunks: readonly Line[]): string => {
  return (chunks.length === 1 ? chunks[0]!.text : chunks.map(({ text }) => text).join('\n')).trim()
}

/** The line where such a text begins; that of nothing but blanks is the first. */
export function beginning(chunks: readonly Line[]): number {
  const begun = chunks.find(({ text }) => text.trim() !== '')
  if (begun === undefined) return chunks[0]?.number ?? 1
  const blank = begun.text.slice(0, begun.text.length - begun.text.trimStart().length)
  return begun.number + blank.split('\n').length - 1
}

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
