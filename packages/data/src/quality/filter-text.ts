import { duplicateNgramCharacters, measureText, type TextMeasures, topNgramCharacters } from './text-measures.js'

/** Why a text was filtered out: the rule, what was measured, and what it may be. */
export interface FilterReason {
  readonly rule: string
  readonly value: number
  readonly limit: number
}

export const textFilters = ['gopher', 'gopher-repetition', 'c4', 'fineweb'] as const
export type TextFilter = (typeof textFilters)[number]

interface Limit {
  readonly rule: string
  readonly of: (measures: TextMeasures) => number
  readonly min?: number
  readonly max?: number
}

/** Rae et al. 2021 (Gopher), appendix A1.1: quality. */
const gopher: readonly Limit[] = [
  { rule: 'words', of: ({ words }) => words, min: 50, max: 100_000 },
  { rule: 'mean word length', of: ({ meanWordLength }) => meanWordLength, min: 3, max: 10 },
  { rule: 'symbols per word', of: ({ symbolsPerWord }) => symbolsPerWord, max: 0.1 },
  { rule: 'lines that begin with a bullet', of: ({ bulletLines }) => bulletLines, max: 0.9 },
  { rule: 'lines that end with an ellipsis', of: ({ ellipsisLines }) => ellipsisLines, max: 0.3 },
  { rule: 'words with a letter', of: ({ alphabeticWords }) => alphabeticWords, min: 0.8 },
  { rule: 'stop words', of: ({ stopWords }) => stopWords, min: 2 },
]

/** The same, table A1: repetition. */
const repetition: readonly Limit[] = [
  { rule: 'duplicate lines', of: ({ duplicateLines }) => duplicateLines, max: 0.3 },
  { rule: 'duplicate paragraphs', of: ({ duplicateParagraphs }) => duplicateParagraphs, max: 0.3 },
  { rule: 'letters in duplicate lines', of: ({ duplicateLineCharacters }) => duplicateLineCharacters, max: 0.2 },
  { rule: 'letters in duplicate paragraphs', of: ({ duplicateParagraphCharacters }) => duplicateParagraphCharacters, max: 0.2 },
]
const topNgrams = [
  [2, 0.2],
  [3, 0.18],
  [4, 0.16],
] as const
const duplicateNgrams = [
  [5, 0.15],
  [6, 0.14],
  [7, 0.13],
  [8, 0.12],
  [9, 0.11],
  [10, 0.1],
] as const

/** Penedo et al. 2024 (FineWeb), section 3.6: what they add to Gopher's and C4's. */
const fineweb: readonly Limit[] = [
  { rule: 'lines that end with punctuation', of: ({ punctuatedLines }) => punctuatedLines, min: 0.12 },
  { rule: 'letters in duplicate lines', of: ({ duplicateLineCharacters }) => duplicateLineCharacters, max: 0.1 },
  { rule: 'lines of fewer than 30 letters', of: ({ shortLines }) => shortLines, max: 0.67 },
]

/**
 * Why a web text would be left out by the heuristics of large corpora; nothing when it would be kept. They are made for pages in English:
 * the stop words of Gopher leave out every other language.
 *
 * @example
 * ```ts
 * filterText('Buy now! Buy now! Buy now!', ['gopher']) // [{ rule: 'words', value: 6, limit: 50 }, …]
 * ```
 */
export function filterText(text: string, filters: readonly TextFilter[] = ['gopher', 'gopher-repetition']): FilterReason[] {
  const measures = measureText(text)
  const reasons: FilterReason[] = []
  const apply = (limits: readonly Limit[]) => {
    for (const { rule, of, min, max } of limits) {
      const value = of(measures)
      if (min !== undefined && value < min) reasons.push({ rule, value, limit: min })
      else if (max !== undefined && value > max) reasons.push({ rule, value, limit: max })
    }
  }
  if (filters.includes('gopher')) apply(gopher)
  if (filters.includes('gopher-repetition')) {
    apply(repetition)
    const words = text.match(/\S+/g) ?? []
    const over = (rule: string, value: number, limit: number) => {
      if (value > limit) reasons.push({ rule, value, limit })
    }
    for (const [n, limit] of topNgrams) over(`letters in the top ${n}-gram`, topNgramCharacters(words, n), limit)
    for (const [n, limit] of duplicateNgrams) over(`letters in duplicate ${n}-grams`, duplicateNgramCharacters(words, n), limit)
  }
  if (filters.includes('c4')) reasons.push(...c4(text))
  if (filters.includes('fineweb')) apply(fineweb)
  return reasons
}

/** Raffel et al. 2020 (C4), section 2.2. Its filter of lines is `cleanC4`; this one is of pages. */
function c4(text: string): FilterReason[] {
  const sentences = cleanC4(text).match(/[.!?](?=\s|["”')]|$)/g)?.length ?? 0
  return [
    ...(sentences < 5 ? [{ rule: 'sentences', value: sentences, limit: 5 }] : []),
    ...(/lorem ipsum/i.test(text) ? [{ rule: 'lorem ipsum', value: 1, limit: 0 }] : []),
    ...(text.includes('{') ? [{ rule: 'curly brackets', value: 1, limit: 0 }] : []),
  ]
}

/** The lines of a page that C4 keeps: five words at least, ended with punctuation, nothing about JavaScript or cookies. */
export const cleanC4 = (text: string): string =>
  text
    .split('\n')
    .filter((line) => /[.!?"”]\s*$/.test(line) && (line.match(/\S+/g)?.length ?? 0) >= 5)
    .filter((line) => !/javascript|terms of use|privacy policy|cookie policy|uses cookies|use of cookies/i.test(line))
    .join('\n')
