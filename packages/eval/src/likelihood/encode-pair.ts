import type { Tokenizer } from '@qt/core'
import { encodeRendered } from '@qt/data'
import { endOfText } from './white-space.js'

export interface EncodedPair {
  readonly context: Uint32Array
  readonly continuation: Uint32Array
}

/** What stands before a text that has nothing before it: the token that begins texts, else the one that ends them. */
export const prefixToken = ({ bosId, eosId }: Pick<Tokenizer, 'bosId' | 'eosId'>): number => bosId ?? eosId ?? 0

/**
 * The ids of a context and of what continues it. Spaces at the end of the context belong to the continuation, and the two are
 * encoded as one text, because a tokenizer may join characters across the border; the context alone says where to cut.
 * (lm-evaluation-harness, `TemplateLM._encode_pair`.)
 */
export function encodePair(tokenizer: Tokenizer, before: string, after: string): EncodedPair {
  const end = endOfText(before)
  const context = before.slice(0, end)
  const continuation = before.slice(end) + after
  if (context === '') {
    const first = prefixToken(tokenizer)
    const ids = encodeRendered(continuation, tokenizer)
    // A text may begin with that token itself.
    return ids[0] === first
      ? { context: ids.subarray(0, 1), continuation: ids.subarray(1) }
      : { context: Uint32Array.of(first), continuation: ids }
  }
  const head = tokenizer.encode(context, { special: true })
  return { context: head, continuation: tokenizer.encode(context + continuation, { special: true }).subarray(head.length) }
}
