import type { ChatMessage } from '@qt/core'
import { gameMasters } from './dialect.js'
import { tale } from './tale.js'

export interface PracticeOptions {
  readonly count: number
  readonly seed?: number
  /** The number of the first, from 0. */
  readonly from?: number
  /** What is trained on: all that the game master says, or only what is called, the verdict after a roll, and where an answer ends. */
  readonly learn?: 'all' | 'calls'
}

/**
 * Tales told with the game master's own tools, for a base that has never played: which deed takes which call. They are no part of
 * the corpus, whose storytellers have words of their own. Tale n does not depend on how many there are.
 *
 * @example
 * ```ts
 * practice({ count: 1 })[0]?.[2]?.content // 'Something clinks inside when you shake it. [inventory: Darix, -heel of bread]'
 * ```
 */
export function practice({ count, seed = 1, from = 0, learn = 'all' }: PracticeOptions): ChatMessage[][] {
  const told = Array.from({ length: count }, (_, index) => tale(seed, from + index, gameMasters))
  return learn === 'all' ? told : told.map((messages) => messages.map(callOnly))
}

/** What is said is picked from lists, and a model that speaks better should not learn it. */
function callOnly(message: ChatMessage): ChatMessage {
  const { role, content } = message
  if (role !== 'assistant') return message
  const verdict = /^\*[A-Z ]+\*/.exec(content)?.[0].length
  if (verdict !== undefined) return { ...message, learn: [[0, verdict]] }
  const call = content.search(/ ?\[[^\]]+\]$/)
  return { ...message, learn: [[call === -1 ? content.length : call, content.length]] }
}
