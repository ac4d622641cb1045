import type { ChatExample, ChatMessage } from '@qt/core'
import { answerKeys, firstKey, instructionKeys, questionAnswer } from './layouts.js'
import { readMessage, readTools } from './read-chat.js'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'
import { parseStructuredOutput } from './structured-output.js'

type Plain = Readonly<Record<string, unknown>>

/**
 * An instruction with its answer (`instruction`, `input`, `output`; `prompt`, `completion`; `question`, `answer` …) as a conversation of
 * one turn, or of as many as they have where both are lists of messages. An answer with a context window brings its system prompt, rules and
 * earlier turns along.
 */
export function readInstruction({ value, where }: DataRecord): ChatExample {
  const { ask: askKey, more: moreKey, answer: answerKey } = instructionFields(value)
  if (isConversational(value)) return conversation(value, where)
  const texts = { ask: value[askKey], more: moreKey === undefined ? '' : (value[moreKey] ?? ''), system: value.system ?? '' }
  for (const [field, text] of [
    [askKey, texts.ask],
    [moreKey ?? 'input', texts.more],
    ['system', texts.system],
  ] as const)
    if (typeof text !== 'string') throw recordError(where, field, `"${field}" must be text.`, `Add "${field}": "…".`)
  const output = value[answerKey]
  const structured = typeof output === 'string' ? undefined : parseStructuredOutput(output)
  if (typeof output !== 'string' && structured === undefined)
    throw recordError(
      where,
      answerKey,
      `"${answerKey}" must be text${answerKey === 'output' ? ', or an object with "content" as text' : ''}.`,
      `Add "${answerKey}": "…".`,
    )
  const context = structured?.contextWindow ?? {}
  const system = [texts.system, systemOf(context)].filter((text) => text !== '').join('\n\n')
  const messages: ChatMessage[] = [
    ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
    ...historyOf(context, (item, field) => readMessage(item, where, `${answerKey}.context_window.${field}`)),
    { role: 'user', content: [texts.ask, texts.more].filter((text) => text !== '').join('\n\n') },
    { role: 'assistant', content: structured ? structured.content : String(output) },
  ]
  return { messages }
}

/** Whether question and answer are lists of messages, as TRL has them. */
export function isConversational(value: Plain): boolean {
  const { ask, answer } = instructionFields(value)
  return Array.isArray(value[ask]) && Array.isArray(value[answer])
}

/** Messages that are answered by messages: only the latter are trained on. */
function conversation(value: Plain, where: DataRecord['where']): ChatExample {
  const { ask, more, answer } = instructionFields(value)
  if (more !== undefined && (value[more] ?? '') !== '')
    throw recordError(where, more, `"${more}" has no place beside "${ask}" as messages.`, `Write it into a message of "${ask}".`)
  const read = (field: string): ChatMessage[] => {
    const list = value[field]
    if (!Array.isArray(list) || list.length === 0)
      throw recordError(where, field, `"${field}" has no message.`, 'Write {"role": "user", "content": "…"} there.')
    return list.map((item: unknown, index) => readMessage(item, where, `${field}[${index}]`))
  }
  const asked = read(ask).map((message): ChatMessage => ({ ...message, weight: 0 }))
  const system = value.system ?? ''
  if (typeof system !== 'string')
    throw recordError(where, 'system', '"system" is not text.', 'Write it as a string, or leave it out.')
  const [begin] = asked
  const isTold = begin!.role === 'system'
  if (system !== '' && isTold && begin!.content !== system)
    throw recordError(where, 'system', `"system" is another than that which "${ask}" begins with.`, 'Leave one of them out.')
  const tools = readTools(value.tools, where)
  return {
    messages: [...(system === '' || isTold ? [] : [{ role: 'system' as const, content: system }]), ...asked, ...read(answer)],
    ...(tools.length > 0 ? { tools } : {}),
  }
}

/** Which fields of a record hold the instruction, what comes with it, and the answer. */
export function instructionFields(value: Plain): { ask: string; more: string | undefined; answer: string } {
  const instruction = firstKey(value, instructionKeys)
  if (instruction !== undefined)
    return { ask: instruction, more: firstKey(value, ['input', 'context']), answer: firstKey(value, answerKeys) ?? 'output' }
  if (Object.hasOwn(value, 'prompt'))
    return {
      ask: 'prompt',
      more: firstKey(value, ['input']),
      answer: firstKey(value, ['completion', 'response']) ?? 'completion',
    }
  const [ask, answer] = questionAnswer(value) ?? ['instruction', 'output']
  return { ask, more: undefined, answer }
}

const titles: readonly (readonly [string, string])[] = [
  ['role_expectations', 'Role'],
  ['active_rules', 'Rules'],
  ['project_context', 'Project'],
  ['knowledge_updates', 'What is new'],
]

/** The part of a context window that a model is told before the conversation. */
function systemOf(context: Plain): string {
  const parts = titles.flatMap(([key, title]) => {
    const text = proseOf(context[key])
    return text === '' ? [] : [`${title}:\n${text}`]
  })
  return [proseOf(context.system_prompt), ...parts].filter((text) => text !== '').join('\n\n')
}

function proseOf(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value.trim()
  if (Array.isArray(value)) return value.map((one) => `- ${proseOf(one)}`).join('\n')
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([key, one]) => `- ${key}: ${typeof one === 'string' ? one : JSON.stringify(one)}`)
      .join('\n')
  return String(value)
}

/** Earlier turns: messages, or texts of which the user says every other one. Nothing there is trained on. */
function historyOf(context: Plain, read: (item: unknown, field: string) => ChatMessage): ChatMessage[] {
  const given = context.conversation_history
  if (!Array.isArray(given)) return []
  return given.map((item: unknown, index): ChatMessage => {
    const message: unknown = typeof item === 'string' ? { role: index % 2 === 0 ? 'user' : 'assistant', content: item } : item
    return { ...read(message, `conversation_history[${index}]`), weight: 0 }
  })
}
