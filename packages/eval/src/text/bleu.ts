import { splitAtSpace } from '../likelihood/white-space.js'

/** Longest n-gram. */
const order = 4

/**
 * What a segment adds to a corpus: [length, length of the closest reference, matches of 1- to 4-grams, 1- to 4-grams]. Sums of these give
 * the score, so BLEU of a corpus is no mean of scores of segments.
 */
export type BleuStatistics = readonly number[]

/**
 * The words of WMT's mteval-v13a, which is the default of sacrebleu: punctuation stands apart, but not points and commas within
 * numbers.
 */
export function words13a(line: string): string[] {
  let text = line.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
  text = text.replaceAll('&quot;', '"').replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
  text = ` ${text} `
    .replace(/([{-~[-` -&(-+:-@/])/g, ' $1 ')
    .replace(/([^0-9])([.,])/gu, '$1 $2 ')
    .replace(/([.,])([^0-9])/gu, ' $1 $2')
    .replace(/([0-9])(-)/g, '$1 $2 ')
  return splitAtSpace(text).filter((word) => word !== '')
}

/** Counts of the n-grams of a text, n = 1 … 4, by their words joined with line breaks. */
function ngramsOf(words: readonly string[]): Map<string, number>[] {
  return Array.from({ length: order }, (_, n) => {
    const counts = new Map<string, number>()
    for (let i = 0; i + n < words.length; i++) {
      const gram = words.slice(i, i + n + 1).join('\n')
      counts.set(gram, (counts.get(gram) ?? 0) + 1)
    }
    return counts
  })
}

/** The statistics of one segment against its references. */
export function bleuStatistics(text: string, references: readonly string[]): BleuStatistics {
  const words = words13a(text)
  const wanted = references.map(words13a)
  const lengths = wanted.map(({ length }) => length)
  // The closest length; the shorter one of two as close.
  const closest = lengths.reduce((best, length) => {
    const [a, b] = [Math.abs(length - words.length), Math.abs(best - words.length)]
    return a < b || (a === b && length < best) ? length : best
  }, lengths[0] ?? 0)
  const grams = wanted.map(ngramsOf)
  const [matches, totals] = [new Array<number>(order).fill(0), new Array<number>(order).fill(0)]
  for (const [n, counts] of ngramsOf(words).entries())
    for (const [gram, count] of counts) {
      totals[n]! += count
      matches[n]! += Math.min(count, Math.max(0, ...grams.map((one) => one[n]!.get(gram) ?? 0)))
    }
  return [words.length, closest, ...matches, ...totals]
}

/**
 * BLEU, 0 … 100, from summed statistics: brevity penalty · exp(mean log precision), where an order without a match counts
 * half as much as one match each time (exponential smoothing, sacrebleu's default).
 */
export function bleuScore(sums: BleuStatistics): number {
  const [length = 0, reference = 0] = sums
  const [matches, totals] = [sums.slice(2, 2 + order), sums.slice(2 + order)]
  if (matches.every((count) => count === 0)) return 0
  let [logs, smooth] = [0, 1]
  for (let n = 0; n < order; n++) {
    if (totals[n] === 0) return 0
    if (matches[n] === 0) smooth *= 2
    const precision = matches[n] === 0 ? 100 / (smooth * totals[n]!) : (100 * matches[n]!) / totals[n]!
    logs += Math.log(precision)
  }
  return (length < reference ? Math.exp(1 - reference / length) : 1) * Math.exp(logs / order)
}

/**
 * BLEU of a corpus as sacrebleu computes it by default (13a words, smoothing "exp", case counts).
 *
 * @example
 * ```ts
 * bleu(['the cat sat on the mat'], [['the cat sat on a mat']]) // 53.7
 * ```
 */
export function bleu(texts: readonly string[], references: readonly (readonly string[])[]): number {
  const sums = new Array<number>(2 + 2 * order).fill(0)
  for (const [i, text] of texts.entries())
    for (const [at, value] of bleuStatistics(text, references[i] ?? []).entries()) sums[at]! += value
  return bleuScore(sums)
}
