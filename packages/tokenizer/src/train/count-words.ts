import type { PreTokenizer } from '../pre-tokenize.js'
import { gpt2Scan } from '../scanners.js'
import { wellFormed } from '../unicode.js'

/** A slice of a long text keeps all of it in memory; this copy does not. */
const ownCopy = (word: string) => (word.length < 13 ? word : word.split('').join(''))

/** Counts the words of a text, cut as GPT-2 does, into `counts`. */
export function countWords(text: string, counts: Map<string, number>): void {
  const whole = wellFormed(text)
  gpt2Scan(whole, 0, whole.length, (from, to) => {
    const word = whole.slice(from, to)
    const count = counts.get(word)
    if (count === undefined) counts.set(ownCopy(word), 1)
    else counts.set(word, count + 1)
  })
}

/** Counts words as a pre-tokenizer cuts them, after a normaliser. */
export function wordCounter(
  pre: { readonly cut: PreTokenizer } | undefined,
  normalize: (text: string, leading: boolean) => string = (text) => text,
): typeof countWords {
  return (text, counts) => {
    const whole = normalize(wellFormed(text), true)
    const add = (piece: string, from: number, to: number): void => {
      if (to === from) return
      const word = piece.slice(from, to)
      const count = counts.get(word)
      if (count === undefined) counts.set(ownCopy(word), 1)
      else counts.set(word, count + 1)
    }
    if (pre === undefined) add(whole, 0, whole.length)
    else pre.cut(whole, 0, whole.length, true, add)
  }
}
