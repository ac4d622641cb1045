import type { Problem } from './finding.js'
import { closeTag, nearSection, openTag, type SectionKind, sectionKind, spellingOf } from './section-names.js'
import type { Section } from './sections.js'
import { type Line, linesOf, short, sourceLines } from './source-lines.js'
import { between, type StructureLine } from './structure-lines.js'

const tags = /(?<!\\)(\\*)<(\/?)(system|user|dm|tool[ _]?call)\s*>/gi
/** A tag of a name we do not know, alone at the beginning or end of a line. */
const strange = /^\s*<(\/?)([A-Za-z][A-Za-z _]{0,13})>|<(\/)([A-Za-z][A-Za-z _]{0,13})>\s*$/

/** Tags as they are nearly always written, alone on their line. */
const wholeLines = new Map<string, { readonly kind: SectionKind; readonly closes: boolean }>()
for (const kind of ['system', 'user', 'dm', 'tool'] as const) {
  wholeLines.set(openTag(kind), { kind, closes: false })
  wholeLines.set(closeTag(kind), { kind, closes: true })
}

interface Open {
  readonly kind: SectionKind
  readonly mark: Line
  readonly body: Line[]
}

/** Sections between `<User>` and `</User>`. */
export function tagSections(source: string, marks: readonly StructureLine[]): { sections: Section[]; problems: Problem[] } {
  const sections: Section[] = []
  const problems: Problem[] = []
  let open: Open | undefined
  let mixed = false
  const report = (problem: Problem) => problems.push(problem)
  const close = () => {
    if (open) sections.push(open)
    open = undefined
  }

  function take(text: string, number: number): void {
    if (open) open.body.push({ text, number })
    else if (text.trim() !== '') outside(text, number)
  }

  function outside(text: string, number: number): void {
    const headed = spellingOf(text)
    if (headed !== undefined) {
      const kind = sectionKind(text)
      if (!mixed) report(mixedSpelling(number, text, kind))
      mixed = true
    } else if (!mixed)
      report({
        code: 'text-outside',
        line: number,
        message: `"${short(text)}" stands outside every section.`,
        fix: 'Move it between the tags of the turn it belongs to.',
      })
  }

  function opening(kind: SectionKind, line: Line): void {
    if (open) {
      const { text, number } = line
      const before = open
      report({
        code: 'unclosed-tag',
        line: number,
        message: `${openTag(before.kind)} of line ${before.mark.number} is not closed before ${openTag(kind)}.`,
        fix: {
          label: `Put ${closeTag(before.kind)} before it; if it is text, write \\${openTag(kind)}.`,
          line: number,
          replace: insertedBefore(text, kind, closeTag(before.kind)),
        },
      })
      close()
    }
    open = { kind, mark: line, body: [] }
  }

  function closing(kind: SectionKind, line: Line, alone: boolean): void {
    if (open?.kind !== kind) {
      const label = open ? `Write ${closeTag(open.kind)} instead.` : `Remove it, or put ${openTag(kind)} before its text.`
      const replace = open ? [line.text.replace(/<\/[^>]*>/, closeTag(open.kind))] : alone ? [] : undefined
      report({
        code: 'stray-tag',
        line: line.number,
        message: open
          ? `${closeTag(kind)} closes ${openTag(open.kind)} of line ${open.mark.number}.`
          : `${closeTag(kind)} closes a section that was never opened.`,
        fix: { label, ...(replace ? { line: line.number, replace } : {}) },
      })
    }
    close()
  }

  const tagged = marks.filter((mark) => mark.tagged)
  for (const [index, original] of tagged.entries()) {
    read(original)
    const lines = between(source, original, tagged[index + 1])
    if (lines === undefined) continue
    if (open) open.body.push(lines)
    else for (const { text, number } of linesOf([lines])) take(text, number)
  }

  function read(original: StructureLine): void {
    const whole = wholeLines.get(original.text)
    if (whole !== undefined) {
      if (whole.closes) closing(whole.kind, original, true)
      else opening(whole.kind, original)
      return
    }
    const line = corrected(original, report)
    let from = 0
    for (const match of line.text.matchAll(tags)) {
      if (match[1] !== '') continue
      take(line.text.slice(from, match.index), line.number)
      const kind = sectionKind(match[3]!)
      if (kind !== undefined && kind !== 'conversation') {
        if (match[2] === '') opening(kind, line)
        else closing(kind, line, line.text.trim() === match[0])
      }
      from = match.index + match[0].length
    }
    take(line.text.slice(from), line.number)
  }
  if (open) {
    const last = sourceLines(source).findLast(({ text }) => text.trim() !== '')!
    report(atTheEnd(open, last))
    close()
  }
  return { sections, problems }
}

/** Where the last words are no end of anything, the rest of the file is missing, and no tag brings it back. */
const broken = /[\p{L}\p{N},;:–—-]\s*$|<\/?[a-z]*\s*$/iu

const atTheEnd = ({ kind, mark: { number: line } }: Open, last: Line): Problem =>
  broken.test(last.text)
    ? {
        code: 'cut-off',
        line: last.number,
        message: `The file breaks off in ${openTag(kind)} of line ${line}: "${short(last.text)}".`,
        fix: `Write the rest, and ${closeTag(kind)} after it.`,
      }
    : {
        code: 'unclosed-tag',
        severity: 'warning',
        line,
        message: `${openTag(kind)} is not closed at the end of the file.`,
        fix: { label: `Add ${closeTag(kind)} at the end.`, line: last.number, replace: [last.text, closeTag(kind)] },
      }

/** A misspelt tag is reported and read as what it was meant to be. */
function corrected(line: Line, report: (problem: Problem) => void): Line {
  const match = strange.exec(line.text)
  const name = match?.[2] ?? match?.[4]
  if (match === null || name === undefined || sectionKind(name) !== undefined) return line
  const near = nearSection(name)
  if (near === undefined || near === 'conversation') return line
  const slash = match[1] ?? match[3]
  const tag = slash ? closeTag(near) : openTag(near)
  const text = line.text.replace(`<${slash}${name}>`, tag)
  const message = `There is no section <${name}>.`
  report({
    code: 'unknown-section',
    line: line.number,
    message,
    fix: { label: `Write ${tag}.`, line: line.number, replace: [text] },
  })
  return { text, number: line.number }
}

function insertedBefore(text: string, kind: SectionKind, close: string): string[] {
  const at = text.search(new RegExp(kind === 'tool' ? '<tool[ _]?call\\s*>' : `<${kind}\\s*>`, 'i'))
  const before = text.slice(0, at)
  return before.trim() === '' ? [close, text] : [before, close, text.slice(at)]
}

function mixedSpelling(line: number, text: string, kind: SectionKind | 'conversation' | undefined): Problem {
  const usable = kind !== undefined && kind !== 'conversation'
  return {
    code: 'mixed-spelling',
    line,
    message: `The heading "${short(text)}" begins a section in a file that is written with tags.`,
    fix: {
      label: usable ? `Write ${openTag(kind)}, and ${closeTag(kind)} after its text.` : 'Remove it.',
      line,
      replace: usable ? [openTag(kind)] : [],
    },
  }
}
