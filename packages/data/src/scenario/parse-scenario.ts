import { type QtError, usageError } from '@qt/core'
import { unescapeText } from './escape.js'
import { type Finding, type Problem, toFinding } from './finding.js'
import type { Scenario, Spelling, Turn } from './model.js'
import { turnOf } from './parse-calls.js'
import { parseSystem, type SystemPlaces } from './parse-system.js'
import { readSections, type Section } from './sections.js'
import { beginning, linesOf, trimmed } from './source-lines.js'
import { defaultTools, type ScenarioTool } from './tools.js'

export interface ParseScenarioOptions {
  /** Named in errors. */
  readonly file?: string
  readonly tools?: readonly ScenarioTool[]
  /** Told of what was tolerated. */
  readonly onWarning?: (finding: Finding) => void
}

/** A scenario with the places of its parts, and what is wrong with how it is written. Never throws. */
export interface LocatedScenario {
  readonly scenario: Scenario
  readonly spelling: Spelling | undefined
  readonly places: SystemPlaces & {
    readonly system: number | undefined
    /** Where the text of each turn begins. */
    readonly turns: readonly number[]
    /** Where the tag or heading of each turn stands. */
    readonly marks: readonly number[]
  }
  readonly problems: readonly Problem[]
}

/**
 * Reads a scenario in any of its three spellings. Nothing is lost: `printScenario` writes it back, in the same spelling or another.
 * What is ambiguous is a QtError with the line and the fix; what is merely untidy is told to `onWarning`.
 *
 * @example
 * ```ts
 * const scenario = parseScenario('<SYSTEM>\n# Party\n## Kara\n- Health: 18/18\n</SYSTEM>\n<User>I look.</User>\n<DM>Dust.</DM>')
 * scenario.party[0]?.health // { current: 18, max: 18 }
 * ```
 */
export function parseScenario(markdown: string, options: ParseScenarioOptions = {}): Scenario {
  const { scenario, problems } = readWhole(markdown, options.tools)
  if (problems.length === 0) return scenario
  const findings = problems.toSorted((a, b) => a.line - b.line).map((problem) => toFinding(problem, options.file))
  const [error, ...more] = findings.filter(({ severity }) => severity === 'error')
  if (error) throw scenarioError(error, more.length)
  for (const finding of findings) options.onWarning?.(finding)
  return scenario
}

/** The error of a finding. */
export const scenarioError = ({ file, line, message, fix }: Finding, more = 0): QtError =>
  usageError('SCENARIO_INVALID', message, {
    where: { ...(file === undefined ? {} : { file }), line },
    actions: [
      fix.label,
      ...(more > 0
        ? [{ label: `See the ${more} other error${more === 1 ? '' : 's'} too.`, command: 'qt data validate DIR' }]
        : []),
    ],
  })

export function locateScenario(markdown: string, tools: readonly ScenarioTool[] = defaultTools): LocatedScenario {
  const { scenario, problems, spelling, places, system, said } = readWhole(markdown, tools)
  return {
    scenario,
    spelling,
    places: {
      ...places,
      system: system?.mark.number,
      turns: said.map(({ mark, body }) => (trimmed(body) === '' ? mark.number : beginning(body))),
      marks: said.map(({ mark }) => mark.number),
    },
    problems: problems.toSorted((a, b) => a.line - b.line),
  }
}

function readWhole(markdown: string, tools: readonly ScenarioTool[] = defaultTools) {
  const { spelling, preamble, sections, problems } = readSections(markdown)
  const report = (problem: Problem) => problems.push(problem)
  const said = sections.filter(isTurn)
  const told = said.length === sections.length ? [] : sections.filter(({ kind }) => kind === 'system')
  const [system] = told
  for (let other = 1; other < told.length; other++)
    report({
      code: 'duplicate-part',
      line: told[other]!.mark.number,
      message: `There is a second SYSTEM; the first is on line ${told[0]!.mark.number}.`,
      fix: 'Join the two.',
    })
  const { system: parts, places } = parseSystem(
    linesOf(told.length === 1 ? told[0]!.body : told.flatMap(({ body }) => body)),
    report,
  )
  const turns: Turn[] = said.map(({ kind, body }) => turnOf(kind, unescapeText(trimmed(body), 'turn'), tools))
  const before = spelling === undefined ? '' : trimmed(preamble)
  const scenario: Scenario = before === '' ? { ...parts, turns } : { preamble: before, ...parts, turns }
  return { scenario, problems, spelling, places, system, said }
}

const isTurn = (section: Section): section is Section & { kind: Turn['speaker'] } => section.kind !== 'system'
