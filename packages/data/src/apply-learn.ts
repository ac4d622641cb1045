import type { ChatMessage, Learn } from '@qt/core'

type Role = ChatMessage['role']

/** Messages that say by `weight` and `learn` what is trained on, for the roles that `roles` names. */
export interface LearnedMessages {
  readonly messages: readonly ChatMessage[]
  readonly roles: ReadonlySet<Role>
}

/** What is learned where nothing is said: every answer. */
export const usualLearn = 'assistant' satisfies Learn

const assistant: ReadonlySet<Role> = new Set(['assistant'])

/**
 * Marks in messages what a configuration wants to be learned. What a message itself excludes stays excluded.
 *
 * @example
 * ```ts
 * applyLearn([{ role: 'assistant', content: 'I look. [roll: 1d20]' }], { pattern: '\\[.*?\\]' }).messages[0].learn // [[8, 20]]
 * ```
 */
export function applyLearn(messages: readonly ChatMessage[], learn: Learn = usualLearn): LearnedMessages {
  if (learn === 'assistant') return { messages, roles: assistant }
  if (learn === 'last-turn') {
    const last = messages.findLastIndex(({ role }) => role === 'assistant')
    return {
      roles: assistant,
      messages: messages.map((message, i) => (message.role === 'assistant' && i !== last ? { ...message, weight: 0 } : message)),
    }
  }
  const roles = learn.roles ? new Set(learn.roles) : assistant
  const { pattern } = learn
  if (pattern === undefined) return { messages, roles }
  return {
    roles,
    messages: messages.map((message) =>
      roles.has(message.role) && message.weight !== 0 ? { ...message, learn: found(message, pattern) } : message,
    ),
  }
}

/** Where a pattern stands, within the parts that a message allows. */
function found({ content, learn = [[0, content.length]] }: ChatMessage, pattern: string): [number, number][] {
  const spans: [number, number][] = []
  for (const match of content.matchAll(new RegExp(pattern, 'gu')))
    for (const [from, to] of learn) {
      const [start, end] = [Math.max(from, match.index), Math.min(to, match.index + match[0].length)]
      if (start < end) spans.push([start, end])
    }
  return spans
}
