import { type ToolDefinition, usageError } from '@qt/core'
import type { HeldOutConversation } from './items.js'
import type { StructuredCase } from './tool-suites.js'

/** A conversation whose calls are data, with the tools that there are; a chat example of `@qt/core` is one. */
export interface CallingConversation extends HeldOutConversation {
  readonly tools?: readonly ToolDefinition[] | undefined
}

/**
 * Every turn of the assistant in conversations that declare tools: what was said before it, and the calls that a person or a larger model made there
 * as data. A turn with `weight: 0` and one that opens a conversation are context only.
 *
 * @example
 * ```ts
 * import { structuredCases } from '@qt/eval'
 *
 * const answer = { role: 'assistant' as const, content: '', toolCalls: [{ name: 'roll', arguments: { skill: 'stealth' } }] }
 * const cases = structuredCases([{ messages: [{ role: 'user', content: 'Sneak past.' }, answer], tools: [{ name: 'roll' }] }])
 * cases[0]?.expected // [{ name: 'roll', arguments: { skill: 'stealth' } }]
 * ```
 */
export function structuredCases(conversations: Iterable<CallingConversation>): StructuredCase[] {
  let index = 0
  return [...conversations].flatMap(({ messages, id, source, tools = [] }) => {
    const name = id ?? source ?? `conversation ${++index}`
    const declared = new Set(tools.map((tool) => tool.name))
    if (tools.length === 0) return []
    return messages.flatMap(({ role, weight, toolCalls = [] }, turn): StructuredCase[] => {
      const context = messages.slice(0, turn)
      if (role !== 'assistant' || weight === 0 || !context.some((before) => before.role !== 'system')) return []
      const undeclared = toolCalls.find((call) => !declared.has(call.name))
      if (undeclared)
        throw usageError(
          'EVAL_TOOL_UNDECLARED',
          `Message ${turn + 1} of ${name} calls ${undeclared.name}, which its "tools" do not declare.`,
          {
            where: { file: source ?? name, field: `messages[${turn}].toolCalls` },
            actions: [`Add "${undeclared.name}" to "tools", or correct the call.`],
          },
        )
      const expected = toolCalls.map((call) => ({ name: call.name, arguments: call.arguments }))
      return [{ id: `${name}#${turn}`, messages: context, expected, tools }]
    })
  })
}
