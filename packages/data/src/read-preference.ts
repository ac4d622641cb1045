import type { ChatMessage, ToolDefinition } from '@qt/core'
import { isTalkKey, promptKeyOf } from './layouts.js'
import { readMessage, readTools } from './read-chat.js'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'

export interface PreferencePair {
  readonly prompt: readonly ChatMessage[]
  readonly chosen: readonly ChatMessage[]
  readonly rejected: readonly ChatMessage[]
  readonly tools?: readonly ToolDefinition[]
}

type Side = 'chosen' | 'rejected'

/**
 * A pair of answers to one prompt, each text or a list of messages. Lists that begin with the prompt, as UltraFeedback has them, give it:
 * what both have in common before they part. So does a conversation in `messages`, without one of the answers at its end. A `system` prompt
 * comes first, and an `input` after an `instruction`; `tools` are those of both.
 */
export function readPreference({ value, where }: DataRecord): PreferencePair {
  const read = (field: string, role: 'user' | 'assistant'): ChatMessage[] => {
    const given = value[field]
    if (typeof given === 'string' && given !== '') return [{ role, content: given }]
    if (Array.isArray(given) && given.length > 0)
      return given.map((item: unknown, index) => readMessage(item, where, `${field}[${index}]`))
    throw recordError(where, field, `"${field}" must be text or a list of messages.`, `Write "${field}": "…".`)
  }
  const [chosen, rejected] = (['chosen', 'rejected'] as const satisfies readonly Side[]).map((side) =>
    read(side, 'assistant'),
  ) as [ChatMessage[], ChatMessage[]]
  const { system } = value
  const told = (prompt: ChatMessage[]): ChatMessage[] =>
    typeof system === 'string' && system !== '' && prompt[0]?.role !== 'system'
      ? [{ role: 'system', content: system }, ...prompt]
      : prompt
  const tools = readTools(value.tools, where)
  const declared = tools.length > 0 ? { tools } : {}
  const shared = commonStart(chosen, rejected)
  if (shared > 0 && chosen[0]!.role !== 'assistant')
    return { prompt: told(chosen.slice(0, shared)), chosen: chosen.slice(shared), rejected: rejected.slice(shared), ...declared }
  const promptKey = promptKeyOf(value)
  const prompt = promptKey === undefined ? [] : read(promptKey, 'user')
  const last = prompt.at(-1)
  if (isTalkKey(promptKey) && [chosen, rejected].some(([answer]) => same(last, answer))) prompt.pop()
  const [first] = prompt
  if (promptKey === 'instruction' && first && typeof value.input === 'string' && value.input !== '')
    prompt[0] = { ...first, content: `${first.content}\n\n${value.input}` }
  return { prompt: told(prompt), chosen, rejected, ...declared }
}

const same = (a: ChatMessage | undefined, b: ChatMessage | undefined): boolean => JSON.stringify(a) === JSON.stringify(b)

/** How many messages two conversations begin with in common, the last of each left to be an answer. */
function commonStart(a: readonly ChatMessage[], b: readonly ChatMessage[]): number {
  const most = Math.min(a.length, b.length) - 1
  let n = 0
  while (n < most && same(a[n], b[n])) n++
  return n
}
