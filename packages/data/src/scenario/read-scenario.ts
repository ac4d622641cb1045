import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { type ChatExample, messageOf, scenarioToolSchema, usageError } from '@qt/core'
import { z } from 'zod'
import type { Finding } from './finding.js'
import { parseScenario, scenarioError } from './parse-scenario.js'
import { toConversations } from './to-conversations.js'
import type { ScenarioTool } from './tools.js'
import { validateScenario } from './validate-scenario.js'

export interface ReadScenario {
  /** Undefined when the scenario has errors. */
  readonly example: ChatExample | undefined
  readonly findings: readonly Finding[]
}

/** A scenario as one chat example, if it is valid. */
export function readScenario(
  text: string,
  file: string | undefined,
  options: { tools?: readonly ScenarioTool[]; resultRole?: 'tool' | 'user' },
): ReadScenario {
  const { tools, resultRole } = options
  const given = { ...(tools ? { tools } : {}), ...(file === undefined ? {} : { file }) }
  const findings = validateScenario(text, given)
  if (findings.some(({ severity }) => severity === 'error')) return { example: undefined, findings }
  const [example] = toConversations(parseScenario(text, given), {
    ...(resultRole ? { resultRole } : {}),
    ...(file === undefined ? {} : { source: file }),
  })
  return { example, findings }
}

/** The error that an invalid scenario is when it is not left out. */
export function invalidScenario(findings: readonly Finding[]) {
  const errors = findings.filter(({ severity }) => severity === 'error')
  return scenarioError(errors[0]!, errors.length - 1)
}

/** The tools of a configuration: as they stand there, or from its JSON file. */
export async function toolsOf(given: string | readonly ScenarioTool[] | undefined): Promise<readonly ScenarioTool[] | undefined> {
  if (typeof given !== 'string') return given
  let value: unknown
  try {
    value = JSON.parse(await readFile(given, 'utf8'))
  } catch (cause) {
    throw wrongTools(given, messageOf(cause), cause)
  }
  const parsed = z.array(scenarioToolSchema).min(1).safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw wrongTools(given, `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`, parsed.error)
}

const wrongTools = (file: string, what: string, cause: unknown) =>
  usageError('SCENARIO_TOOLS_INVALID', `${basename(file)} does not declare tools: ${what}.`, {
    where: { file },
    actions: ['Write a list such as [{"name": "weather", "arguments": [{"name": "kind", "kind": "text"}]}].'],
    cause,
  })
