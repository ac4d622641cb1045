import { type ChatMessage, usageError } from '@qt/core'
import { type BracketCall, type BracketTool, printCall } from './call.js'
import { normaliseName } from './normalise.js'
import { parseToolCalls } from './parse.js'

/** One turn to be answered: what was said before it, and the calls that belong in the answer. */
export interface ToolCallItem {
  readonly id: string
  readonly context: readonly ChatMessage[]
  readonly expected: readonly BracketCall[]
  /** The turn that a person wrote. */
  readonly reference: string
}

/** A conversation to measure on; a chat example of `@qt/core` is one. */
export interface HeldOutConversation {
  readonly messages: readonly ChatMessage[]
  readonly id?: string | undefined
  readonly source?: string | undefined
}

/**
 * The items of held-out conversations: every turn of the assistant, with everything before it as context. A turn with `weight: 0`
 * and one that opens a conversation, where nothing was asked, are context only.
 *
 * @example
 * ```ts
 * const items = toolCallItems([{ messages: [{ role: 'user', content: 'I listen.' }, { role: 'assistant', content: '[roll: perception]' }] }], tools)
 * items[0].expected // [{ name: 'roll', arguments: ['perception'] }]
 * ```
 */
export function toolCallItems(conversations: Iterable<HeldOutConversation>, tools?: readonly BracketTool[]): ToolCallItem[] {
  const known = tools && new Set(tools.map(({ name }) => normaliseName(name)))
  const items: ToolCallItem[] = []
  let index = 0
  for (const { messages, id, source } of conversations) {
    const name = id ?? source ?? `conversation ${index + 1}`
    index++
    for (const [turn, message] of messages.entries()) {
      if (message.role !== 'assistant' || message.weight === 0) continue
      if (message.toolCalls && message.toolCalls.length > 0) throw structured(source ?? name, turn)
      const context = messages.slice(0, turn)
      if (!context.some(({ role }) => role !== 'system')) continue
      const expected = parseToolCalls(message.content, tools ? { tools } : {})
      const undeclared = known && expected.find((call) => !known.has(call.name))
      if (undeclared) throw notDeclared(source ?? name, turn, undeclared)
      items.push({ id: `${name}#${turn}`, context, expected, reference: message.content })
    }
  }
  return items
}

const structured = (name: string, turn: number) =>
  usageError('EVAL_CALLS_STRUCTURED', `Message ${turn + 1} of ${name} has its calls in "toolCalls", not in its text.`, {
    where: { file: name, field: `messages[${turn}].toolCalls` },
    actions: ['Write the calls in brackets in the text: [roll: perception].'],
  })

const notDeclared = (name: string, turn: number, call: BracketCall) =>
  usageError('EVAL_TOOL_UNDECLARED', `Message ${turn + 1} of ${name} expects ${printCall(call)}, whose tool is not declared.`, {
    where: { file: name, field: `messages[${turn}].content` },
    actions: [`Add "${call.name}" to the tools, or correct the call.`],
  })
