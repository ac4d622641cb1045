import { byteToken } from '../bytes.js'
import { type Merges, mergeSymbols } from '../merge.js'
import { PairTable } from '../pair-table.js'
import type { Vocabulary } from '../vocabulary.js'
import type { EmitToken, Model } from './model.js'

export interface SentencePieceOptions {
  readonly vocabulary: Vocabulary
  /** A score per id; the neighbours that form the token of highest score merge first. */
  readonly scores: ArrayLike<number>
  readonly unknown?: number | undefined
}

/** Ranks from scores: higher first, equal scores share a rank so that the leftmost merges first. */
function ranksOf(scores: ArrayLike<number>, count: number): Int32Array {
  const order = Array.from({ length: count }, (_, id) => id).sort((a, b) => scores[b]! - scores[a]!)
  const ranks = new Int32Array(count)
  let rank = 0
  for (const [i, id] of order.entries()) {
    if (i > 0 && scores[order[i - 1]!] !== scores[id]) rank++
    ranks[id] = rank
  }
  return ranks
}

const never = 0x7fffffff
const tableLimit = 1 << 20

/**
 * SentencePiece's byte-pair encoding (Llama 2, Phi-3, Gemma): neighbours merge when their text together is a token.
 * Characters that no token covers become `<0x..>` bytes.
 */
export function sentencePiece({ vocabulary, scores, unknown }: SentencePieceOptions): Model {
  const { ids, tokens } = vocabulary
  const size = tokens.length
  const { characters, names } = characterIds(vocabulary)
  const byteIds = Array.from(
    { length: 256 },
    (_, byte) => ids.get(byteToken(byte)) ?? ids.get(String.fromCharCode(byte)) ?? unknown,
  )

  let table = new PairTable(size)
  const merges: Merges = {
    ranks: ranksOf(scores, size),
    results: Int32Array.from({ length: size }, (_, id) => id),
    find(left, right) {
      const known = table.get(left, right)
      if (known >= 0) return known === never ? -1 : known
      const id = ids.get(names(left) + names(right))
      if (table.size > tableLimit) table = new PairTable(size)
      table.set(left, right, id ?? never)
      return id ?? -1
    },
  }

  const encoder = new TextEncoder()
  function pushBytes(text: string, start: number, emit: EmitToken): void {
    for (const byte of encoder.encode(text)) {
      const id = byteIds[byte]
      if (id !== undefined) emit(id, start, start + text.length)
    }
  }

  return {
    encode: (text, from, to, out) => locate(text, from, to, (id) => out.push(id)),
    locate,
  }

  function locate(text: string, from: number, to: number, emit: EmitToken): void {
    const symbols = new Int32Array(to - from)
    let count = 0
    for (let i = from; i < to; ) {
      const point = text.codePointAt(i)!
      // Characters outside every token wait as negative numbers, which never merge.
      symbols[count++] = characters.get(point) ?? -point - 1
      i += point > 0xffff ? 2 : 1
    }
    count = mergeSymbols(symbols, count, merges)
    let start = from
    for (let i = 0; i < count; i++) {
      const id = symbols[i]!
      const name = id < 0 ? String.fromCodePoint(-id - 1) : names(id)
      if (id < 0 || id >= size) pushBytes(name, start, emit)
      else emit(id, start, start + name.length)
      start += name.length
    }
  }
}

/** Ids of all characters in the vocabulary; those that are no token themselves get ids past its end. */
function characterIds({ tokens, ids }: Vocabulary) {
  const characters = new Map<number, number>()
  const extra: string[] = []
  for (const token of tokens) {
    if (token === undefined) continue
    for (const char of token) {
      const point = char.codePointAt(0)!
      if (characters.has(point)) continue
      const id = ids.get(char)
      if (id === undefined) extra.push(char)
      characters.set(point, id ?? tokens.length + extra.length - 1)
    }
  }
  return { characters, names: (id: number): string => (id < tokens.length ? tokens[id] : extra[id - tokens.length]) ?? '' }
}
