/** Words in lower case, with their apostrophes; without the calls in brackets. */
export const wordsOf = (text: string): string[] =>
  text
    .replace(/\[[^\]]*\]/g, ' ')
    .toLowerCase()
    .replaceAll('’', "'")
    .match(/[\p{L}\p{N}]+(?:'[\p{L}]+)*/gu) ?? []

export const sentencesOf = (text: string): string[] =>
  text
    .replace(/\[[^\]]*\]/g, ' ')
    .split(/(?<=[.!?…]["”']?)\s+|\n+/)
    .map((sentence) => sentence.trim())
    .filter((sentence) => /[\p{L}\p{N}]/u.test(sentence))

/** Where a word or phrase of a lexicon stands in a text. A star stands for any ending. */
export function findPhrase(text: string, phrase: string): string[] {
  const pattern = phrase
    .toLowerCase()
    .replaceAll('’', "'")
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', "[\\p{L}\\p{N}']*")
    .replaceAll(' ', '\\s+')
  const plain = text.toLowerCase().replaceAll('’', "'")
  return [...plain.matchAll(new RegExp(`(?<![\\p{L}\\p{N}])${pattern}(?![\\p{L}\\p{N}])`, 'gu'))].map(([found]) => found)
}

/** English words that say nothing about the topic. */
export const common = new Set(
  `a about after all also am an and any are as at be been before but by can could did do does for from had has have he her here him his how i if
  in into is it its just me more my no not now of off on one only or other our out over she so some than that the their them then there these they this
  to too up us was we were what when where which who will with would you your`.split(/\s+/),
)
