import type { Problem } from './finding.js'
import type { Spelling } from './model.js'
import { type Heading, headingLine, headingOf, nearSection, type SectionKind, sectionKind } from './section-names.js'
import type { Section } from './sections.js'
import { type Line, short } from './source-lines.js'

const tagLine = /^\s*<(\/?)(system|user|dm|tool[ _]?call)\s*>/i

/** Sections under `# USER`, or under `## User` beneath `# CONVERSATION`. */
export function headingSections(lines: readonly Line[]): { spelling: Spelling; sections: Section[]; problems: Problem[] } {
  const sections: { kind: SectionKind; line: number; body: Line[] }[] = []
  const problems: Problem[] = []
  const conversation = lines.some(({ text }) => {
    const heading = headingOf(text)
    return heading && heading.marks.length <= 2 && (sectionKind(heading.title) === 'conversation' || isTurn(heading))
  })
  const spelling: Spelling = conversation ? 'conversation' : 'headings'

  for (const line of lines) {
    const open = sections.at(-1)
    const kind = sectionOf(line, open?.kind)
    if (kind === 'conversation') {
      // Until the next heading there is no section; text there has nowhere to go.
      sections.push({ kind: 'system', line: -1, body: [] })
    } else if (kind !== undefined) sections.push({ kind, line: line.number, body: [] })
    else open?.body.push(line)
  }
  for (const { line, body } of sections) {
    const stray = line < 0 ? body.find(({ text }) => text.trim() !== '') : undefined
    if (stray)
      problems.push({
        code: 'text-outside',
        line: stray.number,
        message: `${headingOf(stray.text) ? `"${short(stray.text)}" begins no turn` : `"${short(stray.text)}" belongs to no turn`} of # CONVERSATION.`,
        fix: 'Write ## User, ## DM or ## TOOLCALL above what is said.',
      })
  }
  return { spelling, sections: sections.filter(({ line }) => line >= 0), problems }

  /** What a line begins, or undefined when it is text. */
  function sectionOf(line: Line, inside: SectionKind | undefined): SectionKind | 'conversation' | undefined {
    const tag = line.text.includes('<') ? tagLine.exec(line.text) : null
    if (tag) return fromTag(line, tag[1]!, tag[2]!)
    const heading = headingOf(line.text)
    if (heading === undefined || heading.marks.length > 2) return undefined
    const { marks, title } = heading
    const kind = sectionKind(title)
    if (kind !== undefined) return kind
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
    if (inside !== undefined && inside !== 'system' && marks.length <= (conversation ? 2 : 1))
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
function isTurn({ marks, title }: Heading): boolean {
  const kind = sectionKind(title)
  return marks.length === 2 && kind !== undefined && kind !== 'system'
}
