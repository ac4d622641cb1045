import { QtError, usageError } from '@qt/core'
import { byteCharacters, writeUtf8 } from '../bytes.js'
import { maxVocabulary } from '../vocabulary.js'
import { countWords } from './count-words.js'
import { PairCounts } from './pair-counts.js'
import { byteLevelJson, type TokenizerJson } from './tokenizer-json.js'

export interface TrainBpeOptions {
  /** Tokens in all: special tokens, the 256 bytes and merges. */
  readonly vocabularySize: number
  /** They get the first ids, in this order. */
  readonly specialTokens?: readonly string[]
  /** Pairs that occur less often are not merged. */
  readonly minFrequency?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: TrainBpeProgress) => void
}

export interface TrainBpeProgress {
  readonly phase: 'count' | 'merge'
  /** Texts counted, or tokens in the vocabulary. */
  readonly done: number
  /** Tokens asked for; unknown while texts are counted. */
  readonly total: number | undefined
}

/** How long work goes on before others get a turn. */
const turnMs = 50

/** Lets timers and I/O run now and then, reports progress and stops on abort. */
function breather({ signal, onProgress }: TrainBpeOptions) {
  let last = performance.now()
  return async (progress: TrainBpeProgress): Promise<void> => {
    if (performance.now() - last < turnMs) return
    onProgress?.(progress)
    await new Promise((resolve) => setTimeout(resolve))
    stopIfAborted(signal)
    last = performance.now()
  }
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  throw new QtError({
    code: 'INTERRUPTED',
    message: 'Training of the tokenizer was stopped.',
    kind: 'interrupted',
    cause: signal.reason,
  })
}

function check({ vocabularySize, specialTokens = [], minFrequency = 0 }: TrainBpeOptions): void {
  const least = 256 + new Set(specialTokens).size
  if (!Number.isInteger(vocabularySize) || vocabularySize < least || vocabularySize > maxVocabulary) {
    throw usageError(
      'VOCABULARY_SIZE',
      `vocabularySize is ${vocabularySize}; it has to be a whole number from ${least} to ${maxVocabulary}.`,
      {
        where: { field: 'vocabularySize' },
        actions: [`Ask for at least ${least}: 256 bytes and ${least - 256} special tokens; 8000 to 50000 is usual.`],
      },
    )
  }
  if (specialTokens.includes('')) {
    throw usageError('SPECIAL_TOKEN_EMPTY', 'A special token is empty.', {
      where: { field: 'specialTokens' },
      actions: ['Remove the empty text from specialTokens.'],
    })
  }
  if (!Number.isInteger(minFrequency) || minFrequency < 0) {
    throw usageError('MIN_FREQUENCY', `minFrequency is ${minFrequency}; it has to be a whole number from 0 on.`, {
      where: { field: 'minFrequency' },
      actions: ['Use 2 to leave out what occurs only once.'],
    })
  }
}

/**
 * Trains a byte-level BPE vocabulary, the same as the BpeTrainer of Hugging Face's tokenizers makes with a ByteLevel
 * pre-tokenizer and its alphabet: equally frequent pairs merge in order of their ids. The result is the object of a
 * tokenizer.json.
 *
 * @example
 * ```ts
 * const json = await trainBpe(['to be or not to be'], { vocabularySize: 270, specialTokens: ['<|endoftext|>'] })
 * const tokenizer = Tokenizer.fromJson(json)
 * tokenizer.decode(tokenizer.encode('to be')) // 'to be'
 * ```
 */
export async function trainBpe(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainBpeOptions,
): Promise<TokenizerJson> {
  check(options)
  const { vocabularySize, specialTokens = [], minFrequency = 0, signal, onProgress } = options
  stopIfAborted(signal)
  const breathe = breather(options)

  const counts = new Map<string, number>()
  let seen = 0
  for await (const text of texts) {
    countWords(text, counts)
    await breathe({ phase: 'count', done: ++seen, total: undefined })
  }

  const tokens: string[] = []
  const ids = new Map<string, number>()
  const idOf = (token: string): number => {
    const known = ids.get(token)
    if (known !== undefined) return known
    ids.set(token, tokens.length)
    return tokens.push(token) - 1
  }
  for (const token of specialTokens) idOf(token)
  const special = tokens.length
  for (const char of [...byteCharacters].sort()) idOf(char)

  const byteIds = byteCharacters.map(idOf)
  const words = [...counts.keys()].map((word) => {
    const bytes = new Uint8Array(word.length * 3)
    return Int32Array.from(bytes.subarray(0, writeUtf8(word, 0, word.length, bytes)), (byte) => byteIds[byte]!)
  })
  const pairs = new PairCounts(words, [...counts.values()])
  const merges = new Map<string, readonly [string, string]>()
  while (tokens.length < vocabularySize) {
    const best = pairs.next()
    if (best === undefined || best.count < Math.max(1, minFrequency)) break
    const left = tokens[best.left]!
    const right = tokens[best.right]!
    // Two ways to the same token can queue a pair again: its later place counts.
    const key = `${left} ${right}`
    merges.delete(key)
    merges.set(key, [left, right])
    pairs.merge(best, idOf(left + right))
    await breathe({ phase: 'merge', done: tokens.length, total: vocabularySize })
  }
  onProgress?.({ phase: 'merge', done: tokens.length, total: vocabularySize })
  return byteLevelJson(tokens, special, [...merges.values()])
}
