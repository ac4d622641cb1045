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
