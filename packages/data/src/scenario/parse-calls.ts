import type { Outcome, RollResult, ScenarioCall, Turn } from './model.js'
import { parseResult } from './parse-result.js'
import { splitCommas } from './source-lines.js'
import { defaultTools, type ScenarioTool } from './tools.js'

const longestCall = 200
const plainName = /^[a-z]+$/
const callName = /^[a-z][a-z0-9 _-]{0,39}$/

/**
 * The tool calls in a text of the game master: `[name: argument, …]`, and `[name]` for declared tools.
 *
 * @example
 * ```ts
 * parseCalls('Roll for it. [roll: perception]')[0]?.arguments // ['perception']
 * ```
 */
export function parseCalls(text: string, tools: readonly ScenarioTool[] = defaultTools): ScenarioCall[] {
  const calls: ScenarioCall[] = []
  let end = -1
  for (let start = text.indexOf('['); start >= 0; start = text.indexOf('[', start + 1)) {
    if (end < start) end = text.indexOf(']', start)
    if (end < 0) return calls
    // What is longer, opens again, or is a Markdown link is no call.
    if (end - start > longestCall + 1 || end === start + 1 || text[end + 1] === '(') continue
    const inside = text.slice(start + 1, end)
    if (inside.includes('[') || inside.includes('\n')) continue
    const colon = inside.indexOf(':')
    const said = (colon < 0 ? inside : inside.slice(0, colon)).trim().toLowerCase()
    const name = plainName.test(said) ? said : said.replace(/\s+/g, ' ')
    if (!callName.test(name) || (colon < 0 && !tools.some((tool) => tool.name === name))) continue
    const given = colon < 0 ? [] : splitCommas(inside.slice(colon + 1))
    calls.push({ name, arguments: given, text: text.slice(start, end + 1), start })
  }
  return calls
}

/** `*SUCCESS*`, `**FAILED:**`, `_Failure_` at the beginning. */
const spokenOutcome = /^[*_]{1,2}(success|succeeded|failed|failure|fail)(?![a-z])[.:!]?[*_]{1,2}/i

/** What the game master says came of a roll. */
export function outcomeOf(text: string): Outcome | undefined {
  const unit = text.charCodeAt(0)
  if (unit !== 0x2a && unit !== 0x5f) return undefined
  const word = spokenOutcome.exec(text)?.[1]?.toLowerCase()
  return word === undefined ? undefined : word.startsWith('s') ? 'success' : 'failed'
}

function resultsOf(text: string): RollResult[] {
  const results: RollResult[] = []
  for (const line of text.split('\n')) {
    const result = line.includes('=') ? parseResult(line) : undefined
    if (result) results.push(result)
  }
  return results
}

/** A turn from its text, with the calls or results that are in it. */
export function turnOf(speaker: Turn['speaker'], text: string, tools: readonly ScenarioTool[] = defaultTools): Turn {
  if (speaker === 'user') return { speaker, text }
  if (speaker === 'tool') return { speaker, text, results: resultsOf(text) }
  const outcome = outcomeOf(text)
  const calls = parseCalls(text, tools)
  return outcome === undefined ? { speaker, text, calls } : { speaker, text, calls, outcome }
}
