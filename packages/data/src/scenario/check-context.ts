import type { Problem } from './finding.js'
import type { LocatedScenario } from './parse-scenario.js'
import type { Line } from './source-lines.js'
import type { ScenarioTool } from './tools.js'

/** What every check gets. */
export interface CheckContext extends LocatedScenario {
  readonly lines: readonly Line[]
  readonly tools: readonly ScenarioTool[]
  readonly report: (problem: Problem) => void
}

/** The line on which a part of a turn's text stands. */
export const lineInTurn = ({ places }: CheckContext, turn: number, text: string, offset: number): number =>
  places.turns[turn]! + text.slice(0, offset).split('\n').length - 1

/** A fix that puts one text in the place of another on a line, when the line has it. */
export function swapOnLine({ lines }: CheckContext, line: number, label: string, from: string, to: string) {
  const source = lines[line - 1]?.text
  return source?.includes(from) ? { label, line, replace: [source.replace(from, () => to)] } : { label }
}
