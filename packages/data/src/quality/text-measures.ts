/** What the heuristic filters of large corpora look at, each measured once. */
export interface TextMeasures {
  readonly words: number
  readonly meanWordLength: number
  /** "#" and "…" a word. */
  readonly symbolsPerWord: number
  /** Of lines that begin with a bullet, and that end with an ellipsis. */
  readonly bulletLines: number
  readonly ellipsisLines: number
  /** Of words with a letter in them. */
  readonly alphabeticWords: number
  /** Different ones of: the, be, to, of, and, that, have, with. */
  readonly stopWords: number
  /** Of lines, and of the letters of lines, that were there before. */
  readonly duplicateLines: number
  readonly duplicateLineCharacters: number
  readonly duplicateParagraphs: number
  readonly duplicateParagraphCharacters: number
  /** Of lines that end with punctuation, and that have fewer than 30 letters. */
  readonly punctuatedLines: number
  readonly shortLines: number
}

const stops = new Set(['the', 'be', 'to', 'of', 'and', 'that', 'have', 'with'])

export function measureText(text: string): TextMeasures {
  const words = text.match(/\S+/g) ?? []
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const paragraphs = text.split(/\n\s*\n/).filter((one) => one.trim() !== '')
  const share = (count: number, of: number): number => (of === 0 ? 0 : count / of)
  const lineCopies = copies(lines)
  const paragraphCopies = copies(paragraphs)
  return {
    words: words.length,
    meanWordLength: share(
      words.reduce((sum, word) => sum + word.length, 0),
      words.length,
    ),
    symbolsPerWord: share(text.match(/#|…|\.\.\./g)?.length ?? 0, words.length),
    bulletLines: share(lines.filter((line) => /^\s*[-*•●‣▪–]/.test(line)).length, lines.length),
    ellipsisLines: share(lines.filter((line) => /(?:…|\.\.\.)\s*$/.test(line)).length, lines.length),
    alphabeticWords: share(words.filter((word) => /\p{L}/u.test(word)).length, words.length),
    stopWords: new Set(words.map((word) => word.toLowerCase()).filter((word) => stops.has(word))).size,
    duplicateLines: share(lineCopies.count, lines.length),
    duplicateLineCharacters: share(lineCopies.letters, text.length),
    duplicateParagraphs: share(paragraphCopies.count, paragraphs.length),
    duplicateParagraphCharacters: share(paragraphCopies.letters, text.length),
    punctuatedLines: share(lines.filter((line) => /[.!?。！？…"”'’:;)]\s*$/.test(line)).length, lines.length),
    shortLines: share(lines.filter((line) => line.trim().length < 30).length, lines.length),
  }
}

function copies(parts: readonly string[]): { count: number; letters: number } {
  const seen = new Set<string>()
  let [count, letters] = [0, 0]
  for (const part of parts) {
    const text = part.trim()
    if (!seen.has(text)) seen.add(text)
    else {
      count++
      letters += text.length
    }
  }
  return { count, letters }
}

/** The share of letters in the n-gram of words that covers most, when it comes twice at least (Gopher, table A1). */
export function topNgramCharacters(words: readonly string[], n: number): number {
  const counts = new Map<string, number>()
  for (let i = 0; i + n <= words.length; i++) {
    const gram = words.slice(i, i + n).join(' ')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  let most = 0
  for (const [gram, count] of counts) if (count > 1) most = Math.max(most, count * (gram.length - n + 1))
  const all = words.reduce((sum, word) => sum + word.length, 0)
  return all === 0 ? 0 : Math.min(1, most / all)
}

/** The share of letters in n-grams of words that were there before, each letter counted once. */
export function duplicateNgramCharacters(words: readonly string[], n: number): number {
  const seen = new Set<string>()
  const covered = new Uint8Array(words.length)
  for (let i = 0; i + n <= words.length; i++) {
    const gram = words.slice(i, i + n).join(' ')
    if (seen.has(gram)) covered.fill(1, i, i + n)
    else seen.add(gram)
  }
  const all = words.reduce((sum, word) => sum + word.length, 0)
  const repeated = words.reduce((sum, word, i) => sum + (covered[i] === 1 ? word.length : 0), 0)
  return all === 0 ? 0 : repeated / all
}
