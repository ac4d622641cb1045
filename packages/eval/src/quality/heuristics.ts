import type { QualityProfile } from './profile.js'
import { common, findPhrase, sentencesOf, wordsOf } from './words.js'

/** A score between 0 and 1, and what it comes from: what was found where. */
export interface Judged {
  readonly score: number
  readonly notes: readonly string[]
}

const clamp = (value: number): number => Math.max(0, Math.min(1, value))
const quoted = (words: readonly string[]): string => [...new Set(words)].map((word) => `"${word}"`).join(', ')

/**
 * Words of the setting, less those that break it: 0.5, which is neutral, 0.25 more for each group of fitting words that occurs, two at most, and 0.25
 * less for each word that breaks it, times its weight.
 */
export function settingFit(text: string, { fits, breaks }: QualityProfile): Judged {
  const notes: string[] = []
  let [groups, minus] = [0, 0]
  for (const { group, words } of fits) {
    const found = words.flatMap((word) => findPhrase(text, word))
    if (found.length === 0) continue
    groups++
    notes.push(`${group}: ${quoted(found)}`)
  }
  for (const { group, words, weight } of breaks) {
    const found = words.flatMap((word) => findPhrase(text, word))
    minus += weight * found.length
    if (found.length > 0) notes.push(`does not belong (${group}): ${quoted(found)}`)
  }
  // Two groups are as much as one short answer needs.
  return { score: clamp(0.5 + 0.25 * Math.min(2, groups) - 0.25 * minus), notes }
}

/** What a persona says, and what it must not: 0.7 to begin with, 0.3 more for something it wants, 0.4 less for each that it must not say. */
export function personaFit(text: string, { persona }: QualityProfile): Judged {
  const [wants, forbids] = [persona.wants, persona.forbids].map((list) => list.flatMap((phrase) => findPhrase(text, phrase)))
  const notes = [
    ...(wants!.length > 0 ? [`in the role: ${quoted(wants!)}`] : []),
    ...(forbids!.length > 0 ? [`not for this role: ${quoted(forbids!)}`] : []),
  ]
  const start = persona.wants.length === 0 ? 1 : wants!.length > 0 ? 1 : 0.7
  return { score: clamp(start - 0.4 * forbids!.length), notes }
}

/** 0 where the answer is a refusal. */
export function noRefusal(text: string, { refusal }: QualityProfile): Judged {
  const found = refusal.flatMap((phrase) => findPhrase(text, phrase))
  return { score: found.length > 0 ? 0 : 1, notes: found.length > 0 ? [`refuses: ${quoted(found)}`] : [] }
}

/** 1 within the wanted length, falling to 0 at no words and at twice the most. */
export function lengthFit(text: string, { length: { least, most } }: QualityProfile): Judged {
  const words = wordsOf(text).length
  if (words < least) return { score: words / least, notes: [`${words} words, at least ${least} are wanted`] }
  if (words > most) return { score: clamp(2 - words / most), notes: [`${words} words, at most ${most} are wanted`] }
  return { score: 1, notes: [] }
}

/** Share of words that say something about the topic, 0.45 and more counts as full: names, things, numbers instead of filling. */
export function specificity(text: string): Judged {
  const words = wordsOf(text)
  if (words.length === 0) return { score: 0, notes: ['no words'] }
  const telling = new Set(words.filter((word) => !common.has(word) && word.length > 2))
  const share = telling.size / words.length
  return {
    score: clamp(share / 0.45),
    notes: share < 0.25 ? [`only ${telling.size} of ${words.length} words say something new`] : [],
  }
}

/**
 * 1 without repetition: falls with the share of 4-grams that were there before, in the answer itself and in earlier answers, and with sentences
 * said twice.
 */
export function noRepetition(text: string, earlier: readonly string[] = []): Judged {
  const grams = (words: readonly string[]) =>
    Array.from({ length: Math.max(0, words.length - 3) }, (_, i) => words.slice(i, i + 4).join(' '))
  const before = new Set(earlier.flatMap((one) => grams(wordsOf(one))))
  const own = grams(wordsOf(text))
  const again: string[] = []
  for (const gram of own) {
    if (before.has(gram)) again.push(gram)
    before.add(gram)
  }
  const sentences = sentencesOf(text).map((sentence) => wordsOf(sentence).join(' '))
  const twice = sentences.filter((sentence, i) => sentences.indexOf(sentence) < i && sentence !== '')
  const notes = [
    ...(again.length > 0
      ? [`said before: ${quoted(again.slice(0, 3))}${again.length > 3 ? ` and ${again.length - 3} more` : ''}`]
      : []),
    ...(twice.length > 0 ? [`said twice: ${quoted(twice.slice(0, 2))}`] : []),
  ]
  const share = own.length === 0 ? 0 : again.length / own.length
  return { score: clamp(1 - 2 * share - 0.25 * twice.length), notes }
}
