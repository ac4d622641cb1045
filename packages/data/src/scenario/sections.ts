import type { Problem } from './finding.js'
import { headingSections } from './heading-sections.js'
import type { Spelling } from './model.js'
import { type SectionKind, spellingOf } from './section-names.js'
import { type Line, plainText } from './source-lines.js'
import { structureLines } from './structure-lines.js'
import { tagSections } from './tag-sections.js'

export interface Section {
  readonly kind: SectionKind
  /** Its tag or heading. */
  readonly mark: Line
  readonly body: readonly Line[]
}

export interface Sections {
  readonly spelling: Spelling | undefined
  readonly preamble: readonly Line[]
  readonly sections: readonly Section[]
  readonly problems: Problem[]
}

/** Cuts a file into its sections. The first line that is structure decides the spelling; problems are noted, never thrown. */
export function readSections(source: string): Sections {
  const text = plainText(source)
  const marks = structureLines(text)
  const first = marks.findIndex(({ text, tagged, kind }) => kind !== undefined || (tagged && spellingOf(text) !== undefined))
  if (first < 0) {
    const fix = 'Begin with <SYSTEM> … </SYSTEM>, then <User> … </User> and <DM> … </DM>; docs/scenarios.md shows the format.'
    const problem = { code: 'no-scenario', line: 1, message: 'This file has no scenario in it.', fix }
    return { spelling: undefined, preamble: [{ text, number: 1 }], sections: [], problems: [problem] }
  }
  const rest = marks.slice(first)
  const { start } = rest[0]!
  const headed = spellingOf(rest[0]!.text) !== 'tags'
  return {
    preamble: start === 0 ? [] : [{ text: text.slice(0, start - 1), number: 1 }],
    ...(headed ? headingSections(text, rest) : { ...tagSections(text, rest), spelling: 'tags' }),
  }
}
