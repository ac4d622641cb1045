import { isUtf8 } from 'node:buffer'
import { readFile, stat } from 'node:fs/promises'
import { messageOf } from '@qt/core'
import { type Finding, type Problem, toFinding } from './finding.js'
import { tooLong } from './too-long.js'

/** The text of a scenario file, or the one finding that says why it has none. */
export type ScenarioText =
  | { readonly text: string; readonly finding?: never }
  | { readonly text?: never; readonly finding: Finding }

/**
 * Reads a scenario file without ever throwing: what cannot be read, is no text, is not UTF-8 or is far too long is one finding.
 *
 * @example
 * ```ts
 * const { text, finding } = await readScenarioFile('scenarios/combat/bridge.md')
 * if (finding) console.log(finding.toString())
 * ```
 */
export async function readScenarioFile(file: string): Promise<ScenarioText> {
  let bytes: Buffer
  try {
    const { size } = await stat(file)
    const long = tooLong(size)
    if (long) return { finding: toFinding(long, file) }
    bytes = await readFile(file)
  } catch (cause) {
    const message = `The file cannot be read: ${messageOf(cause)}.`
    return {
      finding: toFinding(
        { code: 'unreadable', line: 1, message, fix: 'Give yourself the right to read it, or take it out.' },
        file,
      ),
    }
  }
  const problem = notText(bytes)
  return problem ? { finding: toFinding(problem, file) } : { text: bytes.toString('utf8') }
}

function notText(bytes: Buffer): Problem | undefined {
  const [first, second] = bytes
  const nulls = bytes.reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0)
  const marked = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)
  // Every other byte of English in UTF-16 is zero, all at even places or all at odd ones.
  const even = bytes.reduce((count, byte, index) => count + (byte === 0 && index % 2 === 0 ? 1 : 0), 0)
  if (marked || (nulls > bytes.length / 4 && (even === 0 || even === nulls)))
    return { code: 'not-utf8', line: 1, message: 'This file is UTF-16.', fix: 'Save it as UTF-8.' }
  const controls = bytes.reduce((count, byte) => count + (byte < 32 && byte !== 9 && byte !== 10 && byte !== 13 ? 1 : 0), 0)
  if (controls > bytes.length / 20)
    return {
      code: 'not-text',
      line: 1,
      message: 'This file is not text.',
      fix: 'Take it out of the folder, or give it another ending than .md.',
    }
  if (isUtf8(bytes)) return undefined
  return {
    code: 'not-utf8',
    line: firstInvalidLine(bytes),
    message: 'This file is not UTF-8; it may be Windows-1252. This is the first line that cannot be read.',
    fix: 'Save the file as UTF-8.',
  }
}

/** The line where the bytes stop being UTF-8; no character of UTF-8 goes past the end of a line. */
function firstInvalidLine(bytes: Buffer): number {
  let line = 1
  for (let from = 0; ; line++) {
    const end = bytes.indexOf(10, from)
    if (end < 0 || !isUtf8(bytes.subarray(from, end))) return line
    from = end + 1
  }
}
