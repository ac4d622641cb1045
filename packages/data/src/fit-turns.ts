import type { ChatExample, ChatMessage } from '@qt/core'

/**
 * Drops the oldest exchanges of a conversation until it fits, and keeps its system messages. An exchange is a user's message and all that
 * follows it up to the next one, so that no result loses its call. The last exchange always stays, whether it fits or not.
 *
 * @example
 * ```ts
 * fitTurns(example, (shorter) => maskChat(shorter, tokenizer).ids.length <= 512).messages
 * ```
 */
export function fitTurns(example: ChatExample, fits: (example: ChatExample) => boolean): ChatExample {
  const first = example.messages.findIndex(({ role }) => role !== 'system')
  const system: readonly ChatMessage[] = example.messages.slice(0, Math.max(0, first))
  const starts = example.messages.flatMap(({ role }, i) => (role === 'user' && i > first ? [i] : []))
  let fitting = example
  for (let next = 0; !fits(fitting) && next < starts.length; next++)
    fitting = { ...example, messages: [...system, ...example.messages.slice(starts[next]!)] }
  return fitting
}
