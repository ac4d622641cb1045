import { checkCalls } from './check-calls.js'
import { checkChanges } from './check-changes.js'
import type { CheckContext } from './check-context.js'
import { checkParts } from './check-parts.js'
import { checkResults } from './check-results.js'
import { checkSpells } from './check-spells.js'
import { checkText } from './check-text.js'
import { checkTurns } from './check-turns.js'
import { type Finding, type Problem, toFinding } from './finding.js'
import type { Scenario } from './model.js'
import { locateScenario } from './parse-scenario.js'
import { printScenario } from './print-scenario.js'
import { sourceLines } from './source-lines.js'
import { tooLong, tooMuchSaid } from './too-long.js'
import { defaultTools, type ScenarioTool } from './tools.js'

export interface ValidateOptions {
  readonly tools?: readonly ScenarioTool[]
  /** Named in findings. */
  readonly file?: string
}

/**
 * Everything that is wrong with a scenario, in the order of its lines. Lines of a scenario that is no text are those of
 * `printScenario(scenario)`. Never throws, whatever the text is.
 *
 * @example
 * ```ts
 * validateScenario('<DM>You may try. [rol: stealth]</DM>').map(({ code }) => code) // ['missing-part', 'missing-part', 'unknown-tool']
 * ```
 */
export function validateScenario(scenario: Scenario | string, options: ValidateOptions = {}): Finding[] {
  const text = typeof scenario === 'string' ? scenario : printScenario(scenario)
  const { tools = defaultTools, file } = options
  const long = tooLong(text.length)
  if (long) return [toFinding(long, file)]
  const located = locateScenario(text, tools)
  const problems: Problem[] = [...located.problems]
  const context: CheckContext = { ...located, lines: sourceLines(text), tools, report: (problem) => problems.push(problem) }
  const much = tooMuchSaid(located)
  if (much) return [toFinding(much, file)]
  for (const check of [checkParts, checkTurns, checkCalls, checkResults, checkSpells, checkChanges, checkText]) check(context)
  return problems.toSorted((a, b) => a.line - b.line).map((problem) => toFinding(problem, file))
}
