import { QtError } from '@qt/core'
import { byteToken } from '../bytes.js'
import { Trie } from '../trie.js'
import type { Vocabulary } from '../vocabulary.js'
import type { EmitToken, Model } from './model.js'

export interface UnigramOptions {
  readonly vocabulary: Vocabulary
  /** Log-probabilities by id. */
  readonly scores: readonly number[]
  readonly unknown: number | undefined
  readonly byteFallback: boolean
  /** Ids that texts are cut into; all when left out. */
  readonly uses?: (id: number) => boolean
  /** The score of an unknown character; worse than every other when left out. */
  readonly unknownScore?: number
}

/** How much worse than the worst token an unknown character is. */
export const unknownPenalty = 10

/**
 * The segmentation of highest total log-probability (Viterbi).
 * Kudo, Subword Regularization, https://arxiv.org/abs/1804.10959
 */
export function unigram({ vocabulary, scores, unknown, byteFallback, uses, ...options }: UnigramOptions): Model {
  const { tokens, ids } = vocabulary
  const trie = new Trie(tokens.length * 2)
  for (const [id, token] of tokens.entries()) {
    if (token !== undefined && uses?.(id) !== false) trie.addText(token, id)
  }
  const unknownScore =
    options.unknownScore ?? scores.reduce((least, score) => Math.min(least, score), Number.MAX_VALUE) - unknownPenalty

  function pushUnknown(whole: string, from: number, to: number, emit: EmitToken): void {
    const text = whole.slice(from, to)
    const bytes = byteFallback ? Array.from(new TextEncoder().encode(text), (byte) => ids.get(byteToken(byte))) : [undefined]
    if (!bytes.includes(undefined)) for (const id of bytes) emit(id!, from, to)
    else if (unknown !== undefined) emit(unknown, from, to)
    else {
      throw new QtError({
        code: 'TOKENIZER_NO_UNKNOWN',
        message: `The vocabulary has no token for ${JSON.stringify(text)} and names no unknown token.`,
        actions: ['Use a tokenizer with byte fallback or an unknown token.', 'Remove these characters from the text.'],
      })
    }
  }

  return {
    encode: (text, from, to, out) => locate(text, from, to, (id) => out.push(id)),
    locate,
  }

  function locate(text: string, from: number, to: number, emit: EmitToken): void {
    const length = to - from
    const best = new Float64Array(length + 1).fill(Number.NEGATIVE_INFINITY)
    const start = new Int32Array(length + 1)
    const token = new Int32Array(length + 1).fill(-1)
    best[0] = 0
    for (let i = 0; i < length; ) {
      const width = text.codePointAt(from + i)! > 0xffff && i + 1 < length ? 2 : 1
      const sofar = best[i]!
      let single = false
      let node = 0
      for (let j = i; j < length; j++) {
        node = trie.next(node, text.charCodeAt(from + j))
        if (node < 0) break
        const id = trie.id(node)
        if (id < 0) continue
        const score = sofar + scores[id]!
        if (score > best[j + 1]!) {
          best[j + 1] = score
          start[j + 1] = i
          token[j + 1] = id
        }
        if (j + 1 - i === width) single = true
      }
      if (!single && sofar + unknownScore > best[i + width]!) {
        best[i + width] = sofar + unknownScore
        start[i + width] = i
        token[i + width] = -1
      }
      i += width
    }
    const path: number[] = []
    for (let end = length; end > 0; end = start[end]!) path.push(end)
    path.reverse()
    // Neighbouring unknown characters count as one.
    let unknownFrom = -1
    for (const end of path) {
      const id = token[end]!
      if (id < 0 || id === unknown) {
        if (unknownFrom < 0) unknownFrom = start[end]!
        if (end === length) pushUnknown(text, from + unknownFrom, to, emit)
        continue
      }
      if (unknownFrom >= 0) pushUnknown(text, from + unknownFrom, from + start[end]!, emit)
      unknownFrom = -1
      emit(id, from + start[end]!, from + end)
    }
  }
}
