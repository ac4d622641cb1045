import type { Normalizer } from '../normalize.js'
import { type PreTokenizerParts, preTokenizer } from '../pre-tokenize.js'
import { gpt2Scan } from '../scanners.js'
import { wellFormed } from '../unicode.js'
import type { TrainProgress } from './training.js'

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

/** Different words held at a time: half a gigabyte or so. */
const mostWords = 4_000_000

/** Forgets the rarest until half of the room is free: what was seen once, then what was seen twice, and so on; never what is to stay. */
export function forgetRare(counts: Map<string, number>, most: number, stays: (text: string) => boolean = () => false): void {
  let rarest = 0
  while (counts.size > most / 2 && rarest < Number.POSITIVE_INFINITY) {
    const limit = rarest + 1
    rarest = Number.POSITIVE_INFINITY
    for (const [text, count] of counts) {
      if (stays(text)) continue
      if (count <= limit) counts.delete(text)
      else rarest = Math.min(rarest, count - 1)
    }
  }
}

/**
 * The words of all texts, each with how often it is there. Only different words are held in memory, and of those so many: where there
 * are more, the rarest so far are forgotten, always the same ones for the same texts. What is frequent enough to become a token stays.
 */
export async function countTexts(
  texts: Iterable<string> | AsyncIterable<string>,
  count: typeof countWords,
  breathe: (progress: TrainProgress) => Promise<void>,
  most = mostWords,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  let seen = 0
  for await (const text of texts) {
    count(text, counts)
    if (counts.size > most) forgetRare(counts, most)
    await breathe({ phase: 'count', done: ++seen, total: undefined })
  }
  return counts
}

/** Counts words as a pre-tokenizer cuts them, after a normaliser. */
export function wordCounter(pre: PreTokenizerParts | undefined, normalizer?: Normalizer): typeof countWords {
  const cut = preTokenizer(pre?.steps ?? [])
  return (text, counts) => {
    const formed = wellFormed(text)
    const whole = normalizer?.text(formed) ?? formed
    const add = (piece: string, from: number, to: number): void => {
      if (to === from) return
      const word = piece.slice(from, to)
      const count = counts.get(word)
      if (count === undefined) counts.set(ownCopy(word), 1)
      else counts.set(word, count + 1)
    }
    cut(whole, 0, whole.length, true, add)
  }
}
