import type { Scan } from './scan.js'

/**
 * Vocabularies that merge over whole texts (SentencePiece) can still be cut into words, with the same result,
 * wherever no token reaches across: before a ▁ that follows a character which precedes ▁ within no token.
 * Words can then be remembered, and no text costs more than its longest word.
 */
export function wordBoundaries(tokens: Iterable<string>, mark = '▁'): Scan {
  const before = new Set<number>([mark.charCodeAt(0)])
  for (const token of tokens) {
    for (let i = token.indexOf(mark, 1); i > 0; i = token.indexOf(mark, i + 1)) before.add(token.charCodeAt(i - 1))
  }
  return (text, from, to, emit) => {
    let start = from
    for (let i = text.indexOf(mark, from + 1); i > 0 && i < to; i = text.indexOf(mark, i + 1)) {
      if (before.has(text.charCodeAt(i - 1))) continue
      emit(start, i)
      start = i
    }
    if (start < to) emit(start, to)
  }
}
