import type { ChatExample, ChatMessage, ErrorLocation, ToolCall, ToolDefinition } from '@qt/core'
import { talkKeys } from './layouts.js'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'

type Plain = Readonly<Record<string, unknown>>
const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What speakers are called in files. */
export const roles: Readonly<Record<string, ChatMessage['role']>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  human: 'user',
  assistant: 'assistant',
  gpt: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  model: 'assistant',
  function_call: 'assistant',
  tool: 'tool',
  function: 'tool',
  observation: 'tool',
}

/** A conversation from OpenAI's shape (`messages`) or ShareGPT's (`conversations` of `from` and `value`). */
export function readChat({ value, where }: DataRecord): ChatExample {
  const key = talkKeys.find((one) => Array.isArray(value[one])) ?? 'messages'
  const list = value[key]
  if (!Array.isArray(list) || list.length === 0)
    throw recordError(
      where,
      'messages',
      'A conversation needs a list of messages.',
      'Add "messages": [{"role": "user", "content": "…"}, …].',
    )
  const messages = list.map((item: unknown, index) => readMessage(item, where, `${key}[${index}]`))
  if (typeof value.system === 'string' && value.system !== '' && messages[0]?.role !== 'system')
    messages.unshift({ role: 'system', content: value.system })
  const tools = readTools(value.tools, where)
  return { messages, ...(tools.length > 0 ? { tools } : {}) }
}

/** One turn in any of the shapes that chats come in. */
export function readMessage(item: unknown, where: ErrorLocation, field: string): ChatMessage {
  if (!isPlain(item)) throw recordError(where, field, 'A message must be an object.', 'Write {"role": "user", "content": "…"}.')
  const roleKey = item.role === undefined && item.from !== undefined ? 'from' : 'role'
  const name = item[roleKey]
  const role = typeof name === 'string' && Object.hasOwn(roles, name) ? roles[name] : undefined
  if (role === undefined)
    throw recordError(
      where,
      `${field}.${roleKey}`,
      `${JSON.stringify(name ?? null)} is not a role.`,
      'Use system, user, assistant or tool.',
    )
  if (name === 'function_call') return { role, content: '', toolCalls: [readCall(jsonText(item.value), where, `${field}.value`)] }
  // OpenAI's older shape has one call, without a list.
  const calls = item.tool_calls ?? item.toolCalls ?? (isPlain(item.function_call) ? [item.function_call] : undefined)
  const toolCalls = Array.isArray(calls)
    ? calls.map((call: unknown, index) => readCall(call, where, `${field}.tool_calls[${index}]`))
    : []
  const content = readContent(item.content ?? item.value ?? (toolCalls.length > 0 ? '' : undefined), where, `${field}.content`)
  const callId = item.tool_call_id ?? item.toolCallId
  const { weight } = item
  if (weight !== undefined && weight !== 0 && weight !== 1)
    throw recordError(
      where,
      `${field}.weight`,
      `The weight of a message is 0 or 1, not ${JSON.stringify(weight)}.`,
      'Use 0 for a turn that is not trained on.',
    )
  return {
    role,
    content,
    ...(typeof item.name === 'string' ? { name: item.name } : {}),
    ...(toolCalls.length > 0 ? { toolCalls } : {}),
    ...(typeof callId === 'string' ? { toolCallId: callId } : {}),
    ...(weight === undefined ? {} : { weight }),
    ...(item.learn === undefined ? {} : { learn: readParts(item.learn, content.length, where, `${field}.learn`) }),
  }
}

/** The parts of a content that are trained on, in the order in which they stand. */
function readParts(given: unknown, length: number, where: ErrorLocation, field: string): [number, number][] {
  const isPart = (part: unknown): part is [number, number] =>
    Array.isArray(part) &&
    part.length === 2 &&
    part.every((offset) => Number.isInteger(offset) && offset >= 0 && offset <= length) &&
    part[0] <= part[1]
  if (Array.isArray(given) && given.every(isPart)) return given.map(([from, to]) => [from, to])
  throw recordError(
    where,
    field,
    `"learn" lists the parts of the content that are trained on, from and to, within its ${length} characters.`,
    'Write "learn": [[0, 5]], or leave it out to train on all of it.',
  )
}

/** A string, or OpenAI's list of text parts. */
function readContent(content: unknown, where: ErrorLocation, field: string): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content))
    return content
      .map((part: unknown, index) => {
        if (isPlain(part) && typeof part.text === 'string') return part.text
        throw recordError(where, `${field}[${index}]`, 'Only text parts can be trained on.', 'Remove images and other parts.')
      })
      .join('')
  throw recordError(where, field, 'A message needs "content" as text.', 'Add "content": "…".')
}

/** OpenAI's `{ function: { name, arguments: "json" } }` or the plain `{ name, arguments }`. */
function readCall(call: unknown, where: ErrorLocation, field: string): ToolCall {
  const inner = isPlain(call) && isPlain(call.function) ? call.function : call
  const given = isPlain(inner) ? jsonText(inner.arguments ?? {}) : undefined
  if (!isPlain(inner) || typeof inner.name !== 'string' || !isPlain(given))
    throw recordError(where, field, 'A tool call needs a name and arguments.', 'Write {"name": "…", "arguments": {…}}.')
  return { ...(isPlain(call) && typeof call.id === 'string' ? { id: call.id } : {}), name: inner.name, arguments: { ...given } }
}

/** Tools that a record declares. */
export function readTools(given: unknown, where: ErrorLocation): ToolDefinition[] {
  const list = jsonText(given)
  if (list === undefined || list === null || list === '') return []
  if (!Array.isArray(list))
    throw recordError(where, 'tools', '"tools" must be a list.', 'Write "tools": [{"name": "…", "parameters": {…}}].')
  return list.map((item: unknown, index) => {
    const tool = isPlain(item) && isPlain(item.function) ? item.function : item
    if (!isPlain(tool) || typeof tool.name !== 'string')
      throw recordError(where, `tools[${index}]`, 'A tool needs a name.', 'Write {"name": "…", "parameters": {…}}.')
    return {
      name: tool.name,
      ...(typeof tool.description === 'string' ? { description: tool.description } : {}),
      ...(isPlain(tool.parameters) ? { parameters: { ...tool.parameters } } : {}),
    }
  })
}

/** A value that may have been written as JSON inside a string; other strings stay as they are. */
function jsonText(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
