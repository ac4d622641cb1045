import { repairMojibake } from '../repair-text.js'
import type { CheckContext } from './check-context.js'

const strayControl = /[^\P{Cc}\t]|\u200b|\u2060|\ufeff|[\u202a-\u202e\u2066-\u2069]/gu

/** Characters that were broken on their way into the file. */
export function checkText({ lines, report }: CheckContext): void {
  let lost = false
  for (const { text, number: line } of lines) {
    const repaired = repairMojibake(text)
    if (repaired) {
      report({
        code: 'mojibake',
        severity: 'warning',
        line,
        message: `"${repaired.broken}" is UTF-8 that was read as Windows-1252.`,
        fix: { label: `Write "${repaired.meant}".`, line, replace: [repaired.text] },
      })
    } else if (!lost && text.includes('\ufffd')) {
      lost = true
      report({
        code: 'lost-character',
        line,
        message: 'A character was lost here (\ufffd), and perhaps more below.',
        fix: 'Write it again, and save the file as UTF-8.',
      })
    }
    const clean = text.replace(strayControl, '')
    if (clean !== text)
      report({
        code: 'control-character',
        severity: 'warning',
        line,
        message: 'There is an invisible character here.',
        fix: { label: 'Remove it.', line, replace: [clean] },
      })
  }
}
