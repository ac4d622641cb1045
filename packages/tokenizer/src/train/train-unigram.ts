import { usageError } from '@qt/core'
import { parsePreTokenizer } from '../pre-tokenize.js'
import { countTexts, forgetRare, wordCounter } from './count-words.js'
import { specialToken } from './tokenizer-json.js'
import { breather, checkTraining, stopIfAborted, type TrainOptions } from './training.js'

export interface TrainUnigramOptions extends TrainOptions {
  /** Letters of the longest token. Default 16. */
  readonly longest?: number
  /** The share of tokens that each round keeps. Default 0.75. */
  readonly shrink?: number
  /** Candidates to begin with, at most. Default 1,000,000. */
  readonly seeds?: number
}

interface Piece {
  readonly text: string
  score: number
}

/**
 * Trains a Unigram vocabulary (Kudo 2018, https://arxiv.org/abs/1804.10959) as SentencePiece does: from all frequent substrings of words, rounds of
 * expectation and maximisation, each followed by leaving out the tokens whose loss costs the likelihood least. Deterministic. The result is the
 * object of a tokenizer.json.
 *
 * @example
 * ```ts
 * const json = await trainUnigram(['to be or not to be, that is the question'], { vocabularySize: 40 })
 * Tokenizer.fromJson(json).encode('to be')
 * ```
 */
export async function trainUnigram(
  texts: Iterable<string> | AsyncIterable<string>,
  { longest = 16, shrink = 0.75, seeds = 1_000_000, ...options }: TrainUnigramOptions,
) {
  const { vocabularySize, signal, onProgress } = options
  const specialTokens = [...new Set(['<unk>', ...(options.specialTokens ?? [])])]
  checkTraining({ ...options, specialTokens }, 1, 'character')
  checkWhole('longest', longest)
  checkWhole('seeds', seeds)
  if (!(shrink > 0 && shrink < 1)) throw optionError('shrink', shrink, 'a share between 0 and 1', '0.75')
  stopIfAborted(signal)
  const breathe = breather(options)
  const preTokenizer = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true }
  const count = wordCounter(parsePreTokenizer(preTokenizer))
  const counts = await countTexts(texts, count, breathe)
  const words = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([word, times]) => ({ characters: [...word], times }))
  const wanted = vocabularySize - specialTokens.length
  // Where there is not room for every character, the rarest are unknown.
  const characters = new Set(mostFrequent(charactersOf(words), wanted).map(([text]) => text))
  let size = 0
  // A round of a large text takes minutes: others get a turn within it.
  const turn: Turn = (at) => (at % 256 === 0 ? breathe({ phase: 'merge', done: size, total: vocabularySize }) : undefined)
  let pieces = await seedPieces(words, characters, longest, Math.max(seeds, wanted), turn)
  while (true) {
    for (let round = 0; round < 2; round++) {
      size = pieces.length
      pieces = maximised(pieces, await expected(words, pieces, longest, turn), characters, wanted)
    }
    if (pieces.length <= wanted) break
    size = pieces.length
    pieces = await pruned(words, pieces, characters, Math.max(wanted, Math.floor(shrink * pieces.length)), longest, turn)
  }
  const sorted = pieces.toSorted((a, b) => b.score - a.score || (a.text < b.text ? -1 : 1))
  onProgress?.({ phase: 'merge', done: sorted.length, total: vocabularySize })
  const vocab = [...specialTokens.map((token) => [token, 0] as const), ...sorted.map(({ text, score }) => [text, score] as const)]
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map(specialToken),
    normalizer: null,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: preTokenizer,
    model: { type: 'Unigram', unk_id: 0, byte_fallback: false, vocab },
  } as const
}

function checkWhole(field: string, value: number): void {
  if (!(Number.isInteger(value) && value >= 1))
    throw optionError(field, value, 'a whole number from 1 on', 'its default: leave it out')
}

const optionError = (field: string, value: number, what: string, instead: string) =>
  usageError('UNIGRAM_OPTION', `${field} is ${value}; it has to be ${what}.`, {
    where: { field },
    actions: [`Use ${instead}.`],
  })

/** Lets others have a turn now and then. */
type Turn = (at: number) => Promise<void> | undefined

interface Word {
  readonly characters: readonly string[]
  readonly times: number
}

function charactersOf(words: readonly Word[]): Map<string, number> {
  const found = new Map<string, number>()
  for (const { characters, times } of words) for (const one of characters) found.set(one, (found.get(one) ?? 0) + times)
  return found
}

const mostFrequent = (counts: ReadonlyMap<string, number>, most: number): (readonly [string, number])[] =>
  [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).slice(0, most)

/** Substrings counted at a time; a map of a JavaScript engine takes no more than 16 million. */
const mostSubstrings = 8_000_000
const isCharacter = (text: string): boolean => text.length === 1 || (text.length === 2 && text.codePointAt(0)! > 0xffff)

/** Every character, and the substrings of words that occur twice at least and cover most: their frequency times their length. */
async function seedPieces(
  words: readonly Word[],
  characters: ReadonlySet<string>,
  longest: number,
  most: number,
  turn: Turn,
): Promise<Piece[]> {
  const found = new Map<string, number>()
  for (const [at, { characters: list, times }] of words.entries()) {
    await turn(at)
    for (let from = 0; from < list.length; from++) {
      let text = ''
      for (let to = from; to < Math.min(list.length, from + longest) && characters.has(list[to]!); to++) {
        text += list[to]
        found.set(text, (found.get(text) ?? 0) + times)
      }
    }
    if (found.size > mostSubstrings) forgetRare(found, mostSubstrings, isCharacter)
  }
  const weights = new Map<string, number>()
  for (const [text, times] of found) {
    const length = [...text].length
    if (length === 1 || times >= 2) weights.set(text, times * length)
  }
  const chosen = mostFrequent(weights, most).filter(([text]) => !characters.has(text))
  const all = [...[...characters].map((text) => [text, weights.get(text) ?? 1] as const), ...chosen]
  const sum = all.reduce((total, [, weight]) => total + weight, 0)
  return all.map(([text, weight]) => ({ text, score: Math.log(weight / sum) }))
}

/** Edges of the lattice of a word: which piece goes from where to where. */
function edgesOf(characters: readonly string[], index: ReadonlyMap<string, number>, longest: number) {
  const edges: { from: number; to: number; piece: number }[] = []
  for (let from = 0; from < characters.length; from++) {
    let text = ''
    for (let to = from; to < Math.min(characters.length, from + longest); to++) {
      text += characters[to]
      const piece = index.get(text)
      if (piece !== undefined) edges.push({ from, to: to + 1, piece })
    }
  }
  return edges
}

const logAdd = (a: number, b: number): number =>
  a === Number.NEGATIVE_INFINITY
    ? b
    : b === Number.NEGATIVE_INFINITY
      ? a
      : Math.max(a, b) + Math.log1p(Math.exp(-Math.abs(a - b)))

const indexOf = (pieces: readonly Piece[]): Map<string, number> => new Map(pieces.map(({ text }, place) => [text, place]))

/** How often each piece is expected, over all ways to cut the words (forward-backward). */
async function expected(words: readonly Word[], pieces: readonly Piece[], longest: number, turn: Turn): Promise<Float64Array> {
  const index = indexOf(pieces)
  const counts = new Float64Array(pieces.length)
  for (const [at, { characters, times }] of words.entries()) {
    await turn(at)
    const edges = edgesOf(characters, index, longest)
    const forward = new Float64Array(characters.length + 1).fill(Number.NEGATIVE_INFINITY)
    const backward = forward.slice()
    forward[0] = 0
    backward[characters.length] = 0
    for (const { from, to, piece } of edges) forward[to] = logAdd(forward[to]!, forward[from]! + pieces[piece]!.score)
    for (const { from, to, piece } of edges.toReversed())
      backward[from] = logAdd(backward[from]!, backward[to]! + pieces[piece]!.score)
    const all = forward[characters.length]!
    if (all === Number.NEGATIVE_INFINITY) continue
    for (const { from, to, piece } of edges)
      counts[piece]! += times * Math.exp(forward[from]! + pieces[piece]!.score + backward[to]! - all)
  }
  return counts
}

/** Bishop's digamma: with it the maximisation is Bayesian, and rare pieces lose more. */
function digamma(value: number): number {
  let [x, sum] = [value, 0]
  for (; x < 7; x++) sum -= 1 / x
  x -= 0.5
  const square = 1 / (x * x)
  return sum + Math.log(x) + (1 / 24) * square - (7 / 960) * square ** 2 + (31 / 8064) * square ** 3 - (127 / 30720) * square ** 4
}

/** Scores from expected counts; a piece that is hardly ever expected goes, a character never, and as many stay as are wanted. */
function maximised(pieces: readonly Piece[], counts: Float64Array, characters: ReadonlySet<string>, wanted: number): Piece[] {
  const used = pieces.map(({ text }, place) => ({ text, count: counts[place]! }))
  const expectedOnes = used.filter(({ text, count }) => count >= 0.5 || characters.has(text))
  const kept = expectedOnes.length < wanted ? used : expectedOnes
  const atLeast = ({ count }: { readonly count: number }): number => Math.max(count, 0.5)
  const sum = digamma(kept.reduce((total, one) => total + atLeast(one), 0))
  return kept.map((one) => ({ text: one.text, score: digamma(atLeast(one)) - sum }))
}

/** The best cut of a text, without one piece. */
function best(
  characters: readonly string[],
  pieces: readonly Piece[],
  index: ReadonlyMap<string, number>,
  longest: number,
  without = -1,
): number[] {
  const scores = new Float64Array(characters.length + 1).fill(Number.NEGATIVE_INFINITY)
  const came = new Int32Array(characters.length + 1)
  const by = new Int32Array(characters.length + 1).fill(-1)
  scores[0] = 0
  for (const { from, to, piece } of edgesOf(characters, index, longest)) {
    if (piece === without) continue
    const score = scores[from]! + pieces[piece]!.score
    if (score > scores[to]!) {
      scores[to] = score
      came[to] = from
      by[to] = piece
    }
  }
  const path: number[] = []
  for (let at = characters.length; at > 0 && by[at] !== -1; at = came[at]!) path.push(by[at]!)
  return path.reverse()
}

/** The pieces without which the likelihood falls most, characters among them in any case. */
async function pruned(
  words: readonly Word[],
  pieces: readonly Piece[],
  characters: ReadonlySet<string>,
  keep: number,
  longest: number,
  turn: Turn,
): Promise<Piece[]> {
  const index = indexOf(pieces)
  const frequency = new Float64Array(pieces.length)
  for (const [at, { characters: list, times }] of words.entries()) {
    await turn(at)
    for (const piece of best(list, pieces, index, longest)) frequency[piece]! += times
  }
  const sum = frequency.reduce((total, one) => total + one, 0)
  const lossOf = (piece: Piece, place: number): number => {
    if (characters.has(piece.text)) return Number.POSITIVE_INFINITY
    const own = frequency[place]!
    if (own === 0) return Number.NEGATIVE_INFINITY
    const instead = best([...piece.text], pieces, index, longest, place)
    // What the likelihood loses when its occurrences are cut in the second best way (Kudo, section 3.2).
    const total = sum + own * (instead.length - 1)
    const after = instead.reduce((log, one) => log + Math.log((frequency[one]! + own) / total), 0)
    return own * (Math.log(own / sum) - after)
  }
  const rated: { readonly piece: Piece; readonly loss: number }[] = []
  for (const [place, piece] of pieces.entries()) {
    await turn(place)
    rated.push({ piece, loss: lossOf(piece, place) })
  }
  return rated
    .toSorted((a, b) => b.loss - a.loss || (a.piece.text < b.piece.text ? -1 : 1))
    .slice(0, Math.max(keep, characters.size))
    .map(({ piece }) => piece)
}
