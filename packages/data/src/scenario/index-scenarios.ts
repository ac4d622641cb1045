import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { Tokenizer } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { z } from 'zod'
import { chatTemplateOf } from '../chat-template.js'
import { maskChat } from '../mask-chat.js'
import type { Finding } from './finding.js'
import { locateScenario } from './parse-scenario.js'
import { readScenarioFile } from './read-scenario-file.js'
import { resultRoleOf } from './result-role.js'
import { categoryOf, scenarioFiles } from './scenario-files.js'
import { toConversations } from './to-conversations.js'
import { defaultTools, type ScenarioTool } from './tools.js'
import { validateScenario } from './validate-scenario.js'

const count = z.int().min(0)
const entrySchema = z.object({
  /** Below the folder, with slashes. */
  file: z.string(),
  hash: z.string(),
  bytes: count,
  /** Milliseconds since 1970: a file of the same size and time is not read again. */
  modified: z.number(),
  category: z.string().optional(),
  spelling: z.string().optional(),
  location: z.string().optional(),
  party: z.array(
    z.object({ name: z.string(), kind: z.string().optional(), class: z.string().optional(), level: z.number().optional() }),
  ),
  turns: z.object({ user: count, dm: count, tool: count }),
  /** Calls by tool. */
  tools: z.record(z.string(), count),
  /** With a tokenizer. */
  tokens: z.object({ total: count, trainable: count }).optional(),
  errors: count,
  warnings: count,
})

const indexSchema = z.object({ version: z.literal(1), settings: z.string(), scenarios: z.array(entrySchema) })

export type ScenarioEntry = z.infer<typeof entrySchema>

export interface ScenarioIndex {
  /** Where it lies. */
  readonly file: string
  readonly scenarios: readonly ScenarioEntry[]
  readonly added: readonly string[]
  readonly changed: readonly string[]
  readonly removed: readonly string[]
  /** How many files did not have to be read. */
  readonly kept: number
}

export interface IndexScenariosOptions {
  /** Default: `.scenarios.json` in the folder. */
  readonly out?: string | undefined
  readonly tools?: readonly ScenarioTool[] | undefined
  /** Counts tokens as trained on. */
  readonly tokenizer?: Tokenizer | undefined
  readonly onFinding?: ((finding: Finding) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Keeps a file of what each scenario of a folder holds: category, party, levels, tools, turns, tokens, mistakes. Only files that changed
 * since the last time are read.
 *
 * @example
 * ```ts
 * const { scenarios, changed } = await indexScenarios('scenarios/')
 * scenarios.filter(({ category, party }) => category === 'combat' && party.some(({ level = 0 }) => level >= 5))
 * ```
 */
export async function indexScenarios(folder: string, options: IndexScenariosOptions = {}): Promise<ScenarioIndex> {
  const { out = join(folder, '.scenarios.json'), tools = defaultTools, tokenizer, onFinding, signal } = options
  const settings = settingsOf(tools, tokenizer)
  const before = await earlier(out, settings)
  const left = new Map(before.map((entry) => [entry.file, entry]))
  const scenarios: ScenarioEntry[] = []
  const [added, changed]: [string[], string[]] = [[], []]
  let kept = 0
  for (const path of await scenarioFiles(folder, { onFinding })) {
    signal?.throwIfAborted()
    const file = relative(folder, path).split(sep).join('/')
    const known = left.get(file)
    left.delete(file)
    const { size, mtimeMs } = await stat(path)
    if (known && known.bytes === size && known.modified === mtimeMs) {
      scenarios.push(known)
      kept++
      continue
    }
    await setImmediate()
    const { text, finding } = await readScenarioFile(path)
    if (text === undefined) {
      onFinding?.(finding)
      continue
    }
    const hash = createHash('sha256').update(text).digest('hex')
    if (known?.hash === hash) {
      scenarios.push({ ...known, bytes: size, modified: mtimeMs })
      continue
    }
    ;(known ? changed : added).push(file)
    scenarios.push({
      file,
      hash,
      bytes: size,
      modified: mtimeMs,
      category: categoryOf(path, folder),
      ...described(text, tools, tokenizer),
    })
  }
  await writeFileAtomic(out, `${JSON.stringify({ version: 1, settings, scenarios }, null, 1)}\n`)
  return { file: out, scenarios, added, changed, removed: [...left.keys()], kept }
}

/** What the entries depend on besides the files: another tokenizer or other tools make another index. */
function settingsOf(tools: readonly ScenarioTool[], tokenizer: Tokenizer | undefined): string {
  const sample = 'The quick brown fox — 12 Füchse, 狐, 🦊; [roll: 3d6+2]\n'
  const by = tokenizer && [tokenizer.vocabularySize, [...tokenizer.encode(sample)], chatTemplateOf(tokenizer)]
  return createHash('sha256')
    .update(JSON.stringify([tools, by]))
    .digest('hex')
    .slice(0, 16)
}

/** The entries of an index that was made in the same way; none when there is no such index. */
async function earlier(file: string, settings: string): Promise<readonly ScenarioEntry[]> {
  const text = await readFile(file, 'utf8').catch(() => '')
  try {
    const parsed = indexSchema.safeParse(JSON.parse(text))
    return parsed.success && parsed.data.settings === settings ? parsed.data.scenarios : []
  } catch {
    // Cut off, or none: it is made anew.
    return []
  }
}

function described(text: string, tools: readonly ScenarioTool[], tokenizer: Tokenizer | undefined) {
  const { scenario, spelling } = locateScenario(text, tools)
  const findings = validateScenario(text, { tools })
  const turns = { user: 0, dm: 0, tool: 0 }
  const calls: Record<string, number> = {}
  for (const turn of scenario.turns) {
    turns[turn.speaker]++
    if (turn.speaker === 'dm') for (const { name } of turn.calls) calls[name] = (calls[name] ?? 0) + 1
  }
  const errors = findings.filter(({ severity }) => severity === 'error').length
  return {
    spelling,
    party: scenario.party.map(({ name, kind, class: profession, level }) => ({ name, kind, class: profession, level })),
    turns,
    tools: calls,
    ...(tokenizer && errors === 0 ? { tokens: tokensOf(scenario, tokenizer) } : {}),
    errors,
    warnings: findings.length - errors,
  }
}

function tokensOf(scenario: Parameters<typeof toConversations>[0], tokenizer: Tokenizer) {
  const tokens = { total: 0, trainable: 0 }
  for (const example of toConversations(scenario, { resultRole: resultRoleOf(chatTemplateOf(tokenizer)) })) {
    const { ids, labels } = maskChat(example, tokenizer)
    tokens.total += ids.length
    tokens.trainable += labels.filter((label) => label >= 0).length
  }
  return tokens
}
