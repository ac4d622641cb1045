import type { ChatMessage } from '@qt/core'
import { quiz, rules } from './rules.js'
import { sheet } from './sheet.js'
import { tale } from './tale.js'

const kinds = { quizzes: quiz, rules, sheets: sheet, tales: tale } as const

/**
 * Conversations of the generated corpus: tales told in turns, and questions about the rules. Text n does not depend on how many there are.
 *
 * @example
 * ```ts
 * conversations('tales', { count: 2, seed: 1 })[0]?.[0]?.role // 'system'
 * ```
 */
export function conversations(
  kind: keyof typeof kinds,
  { count, seed = 1 }: { readonly count: number; readonly seed?: number },
): ChatMessage[][] {
  return Array.from({ length: count }, (_, index) => kinds[kind](seed, index))
}
