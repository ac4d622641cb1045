import type { Problem } from './finding.js'
import { headingSections } from './heading-sections.js'
import type { Spelling } from './model.js'
import { type SectionKind, spellingOf } from './section-names.js'
import { type Line, sourceLines } from './source-lines.js'
import { tagSections } from './tag-sections.js'

export interface Section {
  readonly kind: SectionKind
  /** Of its tag or heading. */
  readonly line: number
  readonly body: readonly Line[]
}

export interface Sections {
  readonly spelling: Spelling | undefined
  readonly preamble: readonly Line[]
  readonly sections: readonly Section[]
  readonly problems: readonly Problem[]
}

/** Cuts a file into its sections. The first line that is structure decides the spelling; problems are noted, never thrown. */
export function readSections(text: string): Sections {
  const lines = sourceLines(text)
  const first = lines.findIndex((line) => spellingOf(line.text) !== undefined)
  if (first < 0) {
    const fix = 'Begin with <SYSTEM> … </SYSTEM>, then <User> … </User> and <DM> … </DM>; docs/scenarios.md shows the format.'
    const problem = { code: 'no-scenario', line: 1, message: 'This file has no scenario in it.', fix }
    return { spelling: undefined, preamble: lines, sections: [], problems: [problem] }
  }
  const rest = lines.slice(first)
  const headed = spellingOf(rest[0]!.text) !== 'tags'
  return { preamble: lines.slice(0, first), ...(headed ? headingSections(rest) : { ...tagSections(rest), spelling: 'tags' }) }
}
