import type { Vocabulary } from '../vocabulary.js'
import type { EmitToken, Model } from './model.js'

export interface WordPieceOptions {
  readonly vocabulary: Vocabulary
  readonly unknown: number | undefined
  /** Written before the first piece of a word: '' in tokenizer.json, ▁ in GGUF. */
  readonly initialPrefix: string
  /** Written before every other piece: ## in tokenizer.json, '' in GGUF. */
  readonly continuingPrefix: string
  /** Longer words are unknown. */
  readonly maxCharacters: number
}

/** Greedy longest match from the left (BERT); a word with any part outside the vocabulary is unknown as a whole. */
export function wordPiece({ vocabulary, unknown, initialPrefix, continuingPrefix, maxCharacters }: WordPieceOptions): Model {
  const { ids, tokens } = vocabulary
  const longest = tokens.reduce((most, token) => Math.max(most, token?.length ?? 0), 0)

  /** Ids and where each ends. */
  function pieces(word: string): { readonly id: number; readonly end: number }[] | undefined {
    const found: { id: number; end: number }[] = []
    let start = 0
    while (start < word.length) {
      const prefix = start === 0 ? initialPrefix : continuingPrefix
      let end = Math.min(word.length, start + longest)
      let id: number | undefined
      while (end > start) {
        id = ids.get(prefix + word.slice(start, end))
        if (id !== undefined) break
        end--
      }
      if (id === undefined) return undefined
      found.push({ id, end })
      start = end
    }
    return found
  }

  function locate(text: string, from: number, to: number, emit: EmitToken): void {
    const word = text.slice(from, to)
    const tooLong = word.length > maxCharacters && [...word].length > maxCharacters
    let start = from
    for (const { id, end } of (tooLong ? undefined : pieces(word)) ?? []) {
      emit(id, start, from + end)
      start = from + end
    }
    if (start === from && unknown !== undefined) emit(unknown, from, to)
  }

  return { locate, encode: (text, from, to, out) => locate(text, from, to, (id) => out.push(id)) }
}
