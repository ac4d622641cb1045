import type { Problem } from './finding.js'
import type { Spelling } from './model.js'
import { headingLine, headingOf, nearSection, type SectionKind, sectionKind } from './section-names.js'
import type { Section } from './sections.js'
import { type Line, linesOf, short } from './source-lines.js'
import { between, type StructureLine } from './structure-lines.js'

const tagLine = /^\s*<(\/?)(system|user|dm|tool[ _]?call)\s*>/i

/** Sections under `# USER`, or under `## User` beneath `# CONVERSATION`. */
export function headingSections(
  text: string,
  marks: readonly StructureLine[],
): { spelling: Spelling; sections: Section[]; problems: Problem[] } {
  const sections: { kind: SectionKind | 'conversation'; mark: StructureLine; body: Line[] }[] = []
  const problems: Problem[] = []
  const conversation = marks.some((mark) => mark.kind === 'conversation' || isTurn(mark))
  const spelling: Spelling = conversation ? 'conversation' : 'headings'

  for (const mark of marks) {
    const kind = sectionOf(mark, sections.at(-1)?.kind)
    if (kind === undefined) continue
    close(mark)
    sections.push({ kind, mark, body: [] })
  }
  close(undefined)
  // Below # CONVERSATION there is no section until the next heading; text there has nowhere to go.
  for (const { kind, body } of sections) {
    const stray = kind === 'conversation' ? linesOf(body).find((one) => one.text.trim() !== '') : undefined
    if (stray)
      problems.push({
        code: 'text-outside',
        line: stray.number,
        message: `${headingOf(stray.text) ? `"${short(stray.text)}" begins no turn` : `"${short(stray.text)}" belongs to no turn`} of # CONVERSATION.`,
        fix: 'Write ## User, ## DM or ## TOOLCALL above what is said.',
      })
  }
  return { spelling, sections: sections.filter(isSection), problems }

  function close(next: StructureLine | undefined): void {
    const open = sections.at(-1)
    const lines = open && between(text, open.mark, next)
    if (lines) open.body.push(lines)
  }

  /** What a line begins, or undefined when it is text. */
  function sectionOf(
    line: StructureLine,
    inside: SectionKind | 'conversation' | undefined,
  ): SectionKind | 'conversation' | undefined {
    const tag = line.tagged ? tagLine.exec(line.text) : null
    if (tag) return fromTag(line, tag[1]!, tag[2]!)
    const { heading, kind } = line
    if (kind !== undefined) return kind
    if (heading === undefined || heading.marks.length > 2) return undefined
    const { marks, title } = heading
    const near = nearSection(title)
    if (near !== undefined) {
      const right = near === 'conversation' ? '# CONVERSATION' : headingLine(near, spelling)
      problems.push({
        code: 'unknown-section',
        line: line.number,
        message: `There is no section "${title}".`,
        fix: { label: `Write ${right}; if it is text, write \\${marks} ${title}.`, line: line.number, replace: [right] },
      })
      return near
    }
    // In SYSTEM other titles are parts of it. Elsewhere a heading as high as those of the turns could be either.
    if (inside !== undefined && inside !== 'system' && inside !== 'conversation' && marks.length <= (conversation ? 2 : 1))
      problems.push({
        code: 'unknown-section',
        line: line.number,
        message: `"${marks} ${title}" is no section of a scenario.`,
        fix: {
          label: `If it is text, write \\${marks} ${title}.`,
          line: line.number,
          replace: [line.text.replace('#', '\\#')],
        },
      })
    return undefined
  }

  function fromTag(line: Line, slash: string, name: string): SectionKind | undefined {
    const kind = sectionKind(name)
    if (kind === undefined || kind === 'conversation') return undefined
    const heading = headingLine(kind, spelling)
    problems.push({
      code: 'mixed-spelling',
      line: line.number,
      message: `The tag <${slash}${name}> stands in a file that is written with headings.`,
      fix: {
        label: slash ? 'Remove it.' : `Write ${heading}.`,
        line: line.number,
        replace: [...(slash ? [] : [heading]), ...[line.text.replace(tagLine, '').trim()].filter(Boolean)],
      },
    })
    return slash ? undefined : kind
  }
}

/** `## User` says that the file is of the third spelling, even without its # CONVERSATION. */
const isTurn = ({ heading, kind }: StructureLine): boolean =>
  heading?.marks.length === 2 && kind !== undefined && kind !== 'system'

const isSection = <T extends { readonly kind: SectionKind | 'conversation' }>(section: T): section is T & { kind: SectionKind } =>
  section.kind !== 'conversation'
