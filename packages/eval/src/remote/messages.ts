import type { ChatMessage } from '@qt/core'

/** Messages in OpenAI's words. */
export const messagesOf = (messages: readonly ChatMessage[]) =>
  messages.map(({ role, content, name, toolCalls, toolCallId }) => ({
    role,
    content,
    ...(name === undefined ? {} : { name }),
    ...(toolCallId === undefined ? {} : { tool_call_id: toolCallId }),
    ...(toolCalls && toolCalls.length > 0
      ? {
          tool_calls: toolCalls.map(({ id, name, arguments: given }, i) => ({
            id: id ?? `call_${i}`,
            type: 'function',
            function: { name, arguments: JSON.stringify(given) },
          })),
        }
      : {}),
  }))
