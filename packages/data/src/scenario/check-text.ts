import type { CheckContext } from './check-context.js'

/** The bytes of Windows-1252 by character: what UTF-8 is most often mistaken for. */
const windows1252 = new Map([
  ...Array.from({ length: 256 }, (_, byte) => [String.fromCharCode(byte), byte] as const),
  ...[...'€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ'].map((letter, index) => [letter, 128 + index] as const),
])
const suspicious =
  /[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]+/g
const strayControl = /[^\P{Cc}\t]|\u200b|\u2060|\ufeff|[\u202a-\u202e\u2066-\u2069]/gu

/** Characters that were broken on their way into the file. */
export function checkText({ lines, report }: CheckContext): void {
  let lost = false
  for (const { text, number: line } of lines) {
    const repaired = text.replace(suspicious, (run) => decoded(run) ?? run)
    if (repaired !== text) {
      const broken = text.match(suspicious)?.find((run) => decoded(run) !== undefined)
      report({
        code: 'mojibake',
        severity: 'warning',
        line,
        message: `"${broken}" is UTF-8 that was read as Windows-1252.`,
        fix: { label: `Write "${decoded(broken ?? '')}".`, line, replace: [repaired] },
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

/** The text that some mistaken characters were, or undefined when they are no UTF-8. */
function decoded(run: string): string | undefined {
  const bytes = [...run].map((letter) => windows1252.get(letter))
  if (bytes.some((byte) => byte === undefined)) return undefined
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(bytes.filter((byte) => byte !== undefined)))
  } catch {
    return undefined
  }
}
