import { type ChatMessage, messageOf } from '@qt/core'
import { badRequest } from '../http/api-error.js'
import type { MadeCall } from '../tools/calls.js'
import type { ToolUse } from '../tools/use-tools.js'
import type { RequestMessage } from './chat.js'

const textOf = (content: string | readonly { text: string }[] | null | undefined): string =>
  typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join('')

/** A conversation as core writes it; `developer` is what others call `system`. */
export const toMessages = (messages: readonly RequestMessage[], use: ToolUse): ChatMessage[] =>
  messages.map((message, index) => {
    const { role } = message
    const content = textOf(message.content)
    const name = message.name === undefined ? {} : { name: message.name }
    if (role === 'assistant') {
      const calls = message.tool_calls ?? []
      const made = calls.map(({ function: { name, arguments: given } }, i): MadeCall => {
        return { name, arguments: argumentsOf(given, `messages.${index}.tool_calls.${i}.function.arguments`) }
      })
      const ids = calls.map(({ id }) => id)
      return { role, ...use.said(content, made, ids), ...name }
    }
    if (role === 'tool') {
      const id = message.tool_call_id
      return { role, content, ...name, ...(id === undefined ? {} : { toolCallId: id }) }
    }
    return { role: role === 'developer' ? 'system' : role, content, ...name }
  })

function argumentsOf(json: string, param: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json === '' ? '{}' : json)
  } catch (error) {
    throw badRequest(`The arguments of a call are not JSON: ${messageOf(error)}`, param)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('The arguments of a call must be a JSON object.', param)
  return Object.fromEntries(Object.entries(value))
}
