import type { Tokenizer } from '@qt/core'
import { chatTemplateOf } from '../chat-template.js'
import { maskChat } from '../mask-chat.js'
import type { Finding } from './finding.js'
import { locateScenario } from './parse-scenario.js'
import { readScenarioFile } from './read-scenario-file.js'
import { resultRoleOf } from './result-role.js'
import { categoryOf, scenarioFiles } from './scenario-files.js'
import { toConversations } from './to-conversations.js'
import { defaultTools, type ScenarioTool } from './tools.js'

export interface ScenarioStatistics {
  readonly scenarios: number
  /** Scenarios by category: the folder they lie in. */
  readonly categories: Readonly<Record<string, number>>
  readonly spellings: Readonly<Record<string, number>>
  readonly turns: { readonly user: number; readonly dm: number; readonly tool: number }
  /** Calls by tool, the commonest first. */
  readonly calls: Readonly<Record<string, number>>
  /** DM turns without a call. */
  readonly plainTurns: number
  readonly partySizes: Readonly<Record<string, number>>
  readonly levels: { readonly min: number; readonly max: number } | undefined
  /** With a tokenizer: tokens as trained on, in all, with loss, and of the longest scenario. */
  readonly tokens?: { readonly total: number; readonly trainable: number; readonly longest: number }
}

/**
 * What a folder of scenarios holds. Files that cannot be read are left out, and `onFinding` is told.
 *
 * @example
 * ```ts
 * (await scenarioStatistics('scenarios/')).categories // { combat: 8, roleplay: 7 }
 * ```
 */
export async function scenarioStatistics(
  folder: string,
  options: { tools?: readonly ScenarioTool[]; tokenizer?: Tokenizer; onFinding?: (finding: Finding) => void } = {},
): Promise<ScenarioStatistics> {
  const { tools = defaultTools, tokenizer, onFinding } = options
  const resultRole = tokenizer ? resultRoleOf(chatTemplateOf(tokenizer)) : 'tool'
  const [categories, spellings, calls, partySizes] = [new Counter(), new Counter(), new Counter(), new Counter()]
  const turns = { user: 0, dm: 0, tool: 0 }
  const levels: number[] = []
  const lengths: number[] = []
  let [scenarios, plainTurns] = [0, 0]
  let trainable = 0
  const files = await scenarioFiles(folder, { onFinding })
  for (const file of files) {
    const { text, finding } = await readScenarioFile(file)
    if (text === undefined) {
      onFinding?.(finding)
      continue
    }
    scenarios++
    const { scenario, spelling } = locateScenario(text, tools)
    categories.add(categoryOf(file, folder) ?? '(none)')
    spellings.add(spelling ?? '(none)')
    partySizes.add(String(scenario.party.length))
    for (const { level } of scenario.party) if (level !== undefined) levels.push(level)
    for (const turn of scenario.turns) {
      turns[turn.speaker]++
      if (turn.speaker !== 'dm') continue
      if (turn.calls.length === 0) plainTurns++
      for (const { name } of turn.calls) calls.add(name)
    }
    if (tokenizer === undefined) continue
    for (const example of toConversations(scenario, { resultRole })) {
      const { ids, labels } = maskChat(example, tokenizer)
      lengths.push(ids.length)
      trainable += labels.filter((label) => label >= 0).length
    }
  }
  const total = lengths.reduce((sum, length) => sum + length, 0)
  return {
    scenarios,
    categories: categories.sorted(),
    spellings: spellings.sorted(),
    turns,
    calls: calls.sorted(),
    plainTurns,
    partySizes: partySizes.sorted(),
    levels: levels.length === 0 ? undefined : { min: Math.min(...levels), max: Math.max(...levels) },
    ...(tokenizer ? { tokens: { total, trainable, longest: Math.max(0, ...lengths) } } : {}),
  }
}

class Counter {
  private readonly counts = new Map<string, number>()

  add(key: string): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1)
  }

  sorted(): Record<string, number> {
    return Object.fromEntries([...this.counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)))
  }
}
