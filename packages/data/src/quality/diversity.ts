import { deflateSync } from 'node:zlib'
import { permutation } from '@qt/core'

export interface Diversity {
  readonly texts: number
  /** Different n-grams of words among all, for n = 1, 2, 3: 1 when nothing comes twice. */
  readonly distinct: readonly [number, number, number]
  /** Size by deflated size: texts that repeat each other have 5 and more. */
  readonly compressionRatio: number
  /** Mean BLEU-4 of some texts against the others: 0 when they share nothing, 1 when all are the same. */
  readonly selfBleu: number
  /** The first three words that begin most texts, and the share of texts that begin so. */
  readonly openings: readonly { readonly words: string; readonly share: number }[]
}

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? []

/** How different texts are from each other. Self-BLEU is of a sample: `sample` texts, drawn by the seed. */
export function measureDiversity(
  texts: readonly string[],
  { sample = 100, seed = 1 }: { sample?: number; seed?: number } = {},
): Diversity {
  const words = texts.map(wordsOf)
  const distinct = [1, 2, 3].map((n) => {
    const seen = new Set<string>()
    let all = 0
    for (const list of words)
      for (const gram of ngrams(list, n)) {
        all++
        seen.add(gram)
      }
    return all === 0 ? 1 : seen.size / all
  }) as [number, number, number]
  const openings = new Map<string, number>()
  for (const list of words)
    if (list.length > 0) openings.set(list.slice(0, 3).join(' '), (openings.get(list.slice(0, 3).join(' ')) ?? 0) + 1)
  const bytes = Buffer.from(texts.join('\n'))
  const chosen = [...permutation(words.length, seed, 'sample', 0).subarray(0, sample)].map((index) => words[index]!)
  return {
    texts: texts.length,
    distinct,
    compressionRatio: bytes.length === 0 ? 1 : bytes.length / deflateSync(bytes).length,
    selfBleu: selfBleu(chosen),
    openings: [...openings]
      .sort((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([opening, count]) => ({ words: opening, share: count / texts.length })),
  }
}

function* ngrams(words: readonly string[], n: number): Generator<string> {
  for (let i = 0; i + n <= words.length; i++) yield words.slice(i, i + n).join(' ')
}

/** BLEU with n-grams up to 4, counts clipped by the reference that has most, add-one smoothing above n = 1 (Zhu et al. 2018). */
function selfBleu(texts: readonly (readonly string[])[]): number {
  const long = texts.filter((words) => words.length >= 4)
  if (long.length < 2) return 0
  const counted = long.map((words) => [1, 2, 3, 4].map((n) => counts(ngrams(words, n))))
  let sum = 0
  for (const [index, own] of counted.entries()) {
    let log = 0
    for (const [order, grams] of own.entries()) {
      let [hits, all] = [0, 0]
      for (const [gram, count] of grams) {
        let most = 0
        for (let other = 0; other < counted.length && most < count; other++)
          if (other !== index) most = Math.max(most, counted[other]![order]!.get(gram) ?? 0)
        hits += Math.min(count, most)
        all += count
      }
      log += Math.log(order === 0 ? Math.max(hits, 1e-9) / all : (hits + 1) / (all + 1)) / 4
    }
    sum += Math.exp(log)
  }
  return sum / counted.length
}

function counts(grams: Iterable<string>): Map<string, number> {
  const out = new Map<string, number>()
  for (const gram of grams) out.set(gram, (out.get(gram) ?? 0) + 1)
  return out
}
