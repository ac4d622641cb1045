/**
 * Bits per word that a small model of words and word pairs, trained on some texts, needs for others (interpolated, Witten-Bell; unknown
 * words as one of `vocabulary`). A stand-in for training a language model on a selection: seconds instead of hours, and
 * it sees only what words follow each other.
 */
export function bitsPerWord(train: readonly string[], test: readonly string[], vocabulary: number): number {
  const single = new Map<string, number>()
  const pairs = new Map<string, { total: number; next: Map<string, number> }>()
  let total = 0
  for (const text of train) {
    let last = ''
    for (const word of wordsOf(text)) {
      single.set(word, (single.get(word) ?? 0) + 1)
      total++
      const after = pairs.get(last) ?? { total: 0, next: new Map<string, number>() }
      after.total++
      after.next.set(word, (after.next.get(word) ?? 0) + 1)
      pairs.set(last, after)
      last = word
    }
  }
  let [bits, words] = [0, 0]
  for (const text of test) {
    let last = ''
    for (const word of wordsOf(text)) {
      const kinds = single.size
      const alone = ((single.get(word) ?? 0) + kinds / vocabulary) / (total + kinds || 1) || 1 / vocabulary
      const after = pairs.get(last)
      const both = after ? ((after.next.get(word) ?? 0) + after.next.size * alone) / (after.total + after.next.size) : alone
      bits -= Math.log2(both)
      words++
      last = word
    }
  }
  return words === 0 ? 0 : bits / words
}

export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}]+|\d|[^\s\p{L}\d]/gu) ?? []
