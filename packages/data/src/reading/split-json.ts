import type { ErrorLocation } from '@qt/core'
import { TextParts } from './text-parts.js'

/** A value as text, with the line that it begins on. */
export interface JsonText {
  readonly text: string
  readonly line: number
}

const outside = /["{}[\]\n]/g
const inside = /["\\]/g

/**
 * Cuts JSON that comes in pieces into the elements of the list that it is, or into the values that stand in it one after another. Only
 * brackets and quotation marks are looked at: whether a value is sound is for JSON.parse to say.
 */
export class JsonSplitter {
  /** Undefined until something but space has come. */
  list: 'open' | 'closed' | 'none' | undefined
  line = 1
  private depth = 0
  private quoted = false
  private escaped = false
  private readonly parts = new TextParts()
  private begun = 1

  constructor(private readonly file: string) {}

  /** The values that end in this piece. */
  push(piece: string): JsonText[] {
    const out: JsonText[] = []
    let from = 0
    let scan = 0
    if (this.escaped && piece.length > 0) {
      this.escaped = false
      scan = 1
    }
    while (scan < piece.length) {
      const pattern = this.quoted ? inside : outside
      pattern.lastIndex = scan
      const at = pattern.exec(piece)?.index
      if (at === undefined) break
      scan = at + 1
      const letter = piece[at]
      if (this.quoted) {
        if (letter === '"') this.quoted = false
        else if (scan < piece.length) scan++
        else this.escaped = true
      } else if (letter === '"') this.quoted = true
      else if (letter === '\n') this.line++
      else if (letter === '{' || letter === '[') {
        const base = this.list === 'open' ? 1 : 0
        if (this.depth === base) {
          this.cut(piece.slice(from, at), out)
          from = at
          if (this.list === undefined) {
            this.list = letter === '[' ? 'open' : 'none'
            if (letter === '[') from = scan
          }
        }
        this.depth++
      } else {
        this.depth--
        const base = this.list === 'open' ? 1 : 0
        if (this.depth === base) {
          this.cut(piece.slice(from, scan), out)
          from = scan
        } else if (this.depth < base) {
          this.cut(piece.slice(from, at), out)
          from = scan
          if (this.list === 'open' && letter === ']') this.list = 'closed'
          else out.push({ text: letter!, line: this.line })
          this.depth = 0
        }
      }
    }
    const where: ErrorLocation = { file: this.file, line: this.begun }
    if (from < piece.length) this.parts.push(piece.slice(from), where)
    return out
  }

  /** What is left at the end of the text; nothing when every value ended. */
  end(): JsonText[] {
    const out: JsonText[] = []
    this.cut('', out)
    return out
  }

  /** Ends what stands so far, unless it is only space and commas. */
  private cut(last: string, out: JsonText[]): void {
    const text = this.parts.length > 0 ? this.parts.end(last) : last
    const before = /^[\s,\uFEFF]*/.exec(text)![0]
    let end = text.length
    while (end > before.length && (text[end - 1] === ',' || text[end - 1]!.trim() === '')) end--
    if (end > before.length) out.push({ text: text.slice(before.length, end), line: this.begun + before.split('\n').length - 1 })
    this.begun = this.line
  }
}
