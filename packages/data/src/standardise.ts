import type { ChatMessage, ToolDefinition } from '@qt/core'
import { usageError } from '@qt/core'
import { unknownShape } from './detect-format.js'
import { askKeys, codeKeys, type Layout, layoutOf, opened, promptKeyOf } from './layouts.js'
import { readChat } from './read-chat.js'
import { instructionFields, isConversational, readInstruction } from './read-instruction.js'
import { readPreference } from './read-preference.js'
import type { DataRecord } from './read-records.js'
import { readText } from './read-text.js'
import { locateScenario } from './scenario/parse-scenario.js'
import { toConversations } from './scenario/to-conversations.js'
import { parseStructuredOutput } from './structured-output.js'

type Plain = Readonly<Record<string, unknown>>

interface Provenance {
  readonly id?: string | undefined
  readonly source?: string | undefined
  readonly category?: string | undefined
  /** Every other field of the record, by name; of a structured answer its context window and metadata, too. */
  readonly metadata?: Plain | undefined
}

/** The one form that every layout is brought to. */
export type StandardExample =
  | ({
      readonly kind: 'chat'
      readonly messages: readonly ChatMessage[]
      readonly tools?: readonly ToolDefinition[] | undefined
    } & Provenance)
  | ({
      readonly kind: 'preference'
      readonly prompt: readonly ChatMessage[]
      readonly chosen: readonly ChatMessage[]
      readonly rejected: readonly ChatMessage[]
      readonly tools?: readonly ToolDefinition[] | undefined
    } & Provenance)
  | ({ readonly kind: 'text'; readonly text: string } & Provenance)

/** What the layouts have of their own; anything else is metadata. */
const spent: Readonly<Partial<Record<Layout, readonly string[]>>> = {
  openai: ['messages', 'conversation', 'tools', 'system'],
  sharegpt: ['conversations', 'conversation', 'tools', 'system'],
  preference: [...askKeys, 'chosen', 'rejected', 'tools', 'system'],
  text: ['text', 'content'],
  scenario: ['text'],
  'the-stack': ['content'],
  codesearchnet: codeKeys,
}
const provenance = ['id', 'source', 'category'] as const

/**
 * A record of any known layout as a conversation, a preference pair or a text. A scenario gives one conversation; what a record says
 * besides is kept as metadata.
 *
 * @example
 * ```ts
 * standardise({ value: { instruction: 'Add 2 and 2', output: '4' }, where: {} })
 * // { kind: 'chat', messages: [{ role: 'user', content: 'Add 2 and 2' }, { role: 'assistant', content: '4' }] }
 * ```
 */
export function standardise(record: DataRecord): StandardExample {
  const { where } = record
  const value = opened(record.value)
  const layout = layoutOf(value, where.file)
  if (layout === undefined) throw unknownShape(record)
  if (layout === 'tokens')
    throw usageError('DATA_FORMAT_UNSUPPORTED', 'Token ids cannot be turned back into text without their tokenizer.', {
      where: { ...where, field: 'input_ids' },
      actions: ['Use the texts that the ids were made of.'],
    })
  const from = { value, where }
  const about = aboutOf(value, layout)
  if (layout === 'preference') return { kind: 'preference', ...readPreference(from), ...about }
  if (layout === 'openai' || layout === 'sharegpt') return { kind: 'chat', ...readChat(from), ...about }
  if (layout === 'text' || layout === 'the-stack' || layout === 'codesearchnet')
    return { kind: 'text', text: readText(from).text, ...about }
  if (layout === 'scenario') {
    const [first] = toConversations(locateScenario(String(value.text)).scenario)
    return { kind: 'chat', messages: first?.messages ?? [], ...about }
  }
  return { kind: 'chat', ...readInstruction(from), ...about }
}

function aboutOf(value: Plain, layout: Layout): Provenance {
  const fields = spent[layout] === undefined ? instructionFields(value) : undefined
  const spoken = fields && isConversational(value) ? ['tools'] : []
  const prompt = layout === 'preference' ? promptKeyOf(value) : undefined
  const own = fields ? [fields.ask, fields.more, fields.answer, 'system', ...spoken] : [...(spent[layout] ?? []), prompt]
  const out: { id?: string; source?: string; category?: string } = {}
  for (const key of provenance) {
    const one = value[key]
    if (typeof one === 'string' || (key === 'id' && typeof one === 'number')) out[key] = String(one)
  }
  const rest: Record<string, unknown> = {}
  for (const [key, one] of Object.entries(value))
    if (key === 'metadata' && layout !== 'structured-instruction' && isPlain(one)) Object.assign(rest, one)
    else if (!own.includes(key) && one !== null && !Object.hasOwn(out, key)) rest[key] = one
  const structured = fields ? parseStructuredOutput(value[fields.answer]) : undefined
  if (structured?.contextWindow) rest.context_window = structured.contextWindow
  if (structured?.metadata) rest.metadata = structured.metadata
  if (structured?.more) rest.output = structured.more
  return { ...out, ...(Object.keys(rest).length > 0 ? { metadata: rest } : {}) }
}

const isPlain = (value: unknown): value is Plain => typeof value === 'object' && value !== null && !Array.isArray(value)

/** An example as a record of JSONL that other programs read, too (OpenAI's messages); `standardise` gives it back. */
export function toRecord(example: StandardExample): Plain {
  const { kind, id, source, category, metadata, ...own } = example
  const about = {
    ...(id === undefined ? {} : { id }),
    ...(source === undefined ? {} : { source }),
    ...(category === undefined ? {} : { category }),
    ...(metadata === undefined ? {} : { metadata }),
  }
  if (kind === 'text') return { ...own, ...about }
  if (kind === 'preference')
    return {
      ...(example.prompt.length > 0 ? { prompt: example.prompt.map(messageRecord) } : {}),
      chosen: example.chosen.map(messageRecord),
      rejected: example.rejected.map(messageRecord),
      ...toolsRecord(example),
      ...about,
    }
  return {
    messages: example.messages.map(messageRecord),
    ...toolsRecord(example),
    ...about,
  }
}

const toolsRecord = ({ tools }: { readonly tools?: readonly ToolDefinition[] | undefined }): Plain =>
  tools ? { tools: tools.map((tool) => ({ type: 'function', function: tool })) } : {}

const messageRecord = ({ role, content, name, toolCalls, toolCallId, weight, learn }: ChatMessage): Plain => ({
  role,
  content,
  ...(name === undefined ? {} : { name }),
  ...(toolCalls === undefined
    ? {}
    : {
        tool_calls: toolCalls.map(({ id, name, arguments: given }) => ({
          ...(id === undefined ? {} : { id }),
          type: 'function',
          function: { name, arguments: JSON.stringify(given) },
        })),
      }),
  ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
  ...(weight === undefined ? {} : { weight }),
  ...(learn === undefined ? {} : { learn }),
})
