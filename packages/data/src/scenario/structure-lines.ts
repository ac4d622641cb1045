import { type Heading, headingOf, type SectionKind, sectionKind } from './section-names.js'
import { isSpace, type Line } from './source-lines.js'

/** Counts lines as far as somebody asks for: where nothing is wrong, nobody does. */
class LineNumbers {
  private number = 1
  private counted = 0

  constructor(private readonly text: string) {}

  /** The number of the line that begins at `start`. Counted from the one asked for last, since a message often names two that are near. */
  at(start: number): number {
    this.number += start < this.counted ? -this.between(start, this.counted) : this.between(this.counted, start)
    this.counted = start
    return this.number
  }

  private between(from: number, to: number): number {
    let lines = 0
    for (let i = from; i < to; i++) if (this.text.charCodeAt(i) === 0x0a) lines++
    return lines
  }
}

/** A line that a section may begin or end with, and where it stands in the text. */
export class StructureLine implements Line {
  readonly heading: Heading | undefined
  /** The section that it names as a heading of one or two #. */
  readonly kind: SectionKind | 'conversation' | undefined

  constructor(
    readonly text: string,
    readonly start: number,
    readonly end: number,
    /** It has a `<` somewhere. */
    readonly tagged: boolean,
    private readonly numbers: LineNumbers,
  ) {
    this.heading = headingOf(text)
    this.kind = this.heading && this.heading.marks.length <= 2 ? sectionKind(this.heading.title) : undefined
  }

  get number(): number {
    return this.numbers.at(this.start)
  }
}

/** What stands between two of them. */
class Stretch implements Line {
  constructor(
    readonly text: string,
    private readonly before: StructureLine,
  ) {}

  get number(): number {
    return this.before.number + 1
  }
}

/** Blanks that may stand before the # of a heading. */
const mostIndent = 3

/** The headings of a text and its lines with a `<`: most lines are neither, and are not looked at. */
export function structureLines(text: string): StructureLine[] {
  const found: StructureLine[] = []
  const numbers = new LineNumbers(text)
  let tag = text.indexOf('<')
  let hash = text.indexOf('#')
  while (tag >= 0 || hash >= 0) {
    const at = tag < 0 || (hash >= 0 && hash < tag) ? hash : tag
    const start = at === tag ? text.lastIndexOf('\n', at) + 1 : headingStart(text, at)
    if (start < 0) {
      hash = text.indexOf('#', at + 1)
      continue
    }
    const next = text.indexOf('\n', at)
    const end = next < 0 ? text.length : next
    const tagged = tag >= 0 && tag < end
    const line = new StructureLine(text.slice(start, end), start, end, tagged, numbers)
    if (tagged || line.heading) found.push(line)
    if (tagged) tag = text.indexOf('<', end)
    if (hash >= 0 && hash < end) hash = text.indexOf('#', end)
  }
  return found
}

/** Where the line of a heading begins whose first # stands at `at`; -1 where something else stands before it. */
function headingStart(text: string, at: number): number {
  let start = at
  while (at - start < mostIndent && isSpace(text.charCodeAt(start - 1))) start--
  return start === 0 || text.charCodeAt(start - 1) === 0x0a ? start : -1
}

/** The lines between two of them, or after the last one, as one. */
export function between(text: string, before: StructureLine, after: StructureLine | undefined): Line | undefined {
  const from = before.end + 1
  const to = after === undefined ? text.length : after.start - 1
  return from <= to ? new Stretch(text.slice(from, to), before) : undefined
}
