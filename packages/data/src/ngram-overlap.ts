/** The share of different word n-grams of some texts that occur in others, too: how much a test set was seen in training. */
export function ngramOverlap(texts: Iterable<string>, others: Iterable<string>, n = 4): number {
  const known = ngrams(others, n)
  const asked = ngrams(texts, n)
  let shared = 0
  for (const gram of asked) if (known.has(gram)) shared++
  return asked.size === 0 ? 0 : shared / asked.size
}

function ngrams(texts: Iterable<string>, n: number): Set<string> {
  const grams = new Set<string>()
  for (const text of texts) {
    const words = text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []
    for (let i = 0; i + n <= words.length; i++) grams.add(words.slice(i, i + n).join(' '))
  }
  return grams
}
