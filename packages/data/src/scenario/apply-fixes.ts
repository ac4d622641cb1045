import type { Finding } from './finding.js'
import { type ValidateOptions, validateScenario } from './validate-scenario.js'

export interface FixedScenario {
  readonly text: string
  /** What was fixed, in order. */
  readonly applied: readonly Finding[]
  /** What a person has to look at. */
  readonly left: readonly Finding[]
}

/** A fix can bring another mistake to light; a file that needs more rounds than this goes in circles. */
const rounds = 30

/**
 * Applies every fix that code can apply, and says what is left. Line endings and a byte order mark stay as they are.
 *
 * @example
 * ```ts
 * fixScenario('<User>Hi</User>\n<DM>Hello.').text // '<User>Hi</User>\n<DM>Hello.\n</DM>'
 * ```
 */
export function fixScenario(text: string, options: ValidateOptions = {}): FixedScenario {
  const mark = text.startsWith('\uFEFF') ? '\uFEFF' : ''
  const end = /\r\n|\n|\r/.exec(text)?.[0] ?? '\n'
  const applied: Finding[] = []
  const seen = new Set([text])
  let current = text
  let left = validateScenario(current, options)
  for (let round = 0; round < rounds; round++) {
    const chosen = apart(left)
    if (chosen.length === 0) break
    const next = mark + edited(current.slice(mark.length).split(/\r\n|\n|\r/), chosen).join(end)
    if (seen.has(next)) break
    seen.add(next)
    applied.push(...chosen)
    current = next
    left = validateScenario(current, options)
  }
  return { text: current, applied, left }
}

const span = ({ fix }: Finding): readonly [number, number] => [fix.line ?? 0, fix.to ?? fix.line ?? 0]

/** The findings that code can fix, as far as they touch different lines. */
function apart(findings: readonly Finding[]): Finding[] {
  const chosen: Finding[] = []
  for (const finding of findings) {
    if (finding.fix.replace === undefined || finding.fix.line === undefined) continue
    const [from, to] = span(finding)
    if (chosen.every((other) => to < span(other)[0] || from > span(other)[1])) chosen.push(finding)
  }
  return chosen
}

function edited(lines: readonly string[], findings: readonly Finding[]): string[] {
  const out = [...lines]
  // From the end, so that the numbers of earlier lines stay right.
  for (const finding of findings.toSorted((a, b) => span(b)[0] - span(a)[0])) {
    const [from, to] = span(finding)
    out.splice(from - 1, to - from + 1, ...(finding.fix.replace ?? []))
  }
  return out
}
