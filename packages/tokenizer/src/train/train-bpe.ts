import { byteCharacters, writeUtf8 } from '../bytes.js'
import { parsePreTokenizer } from '../pre-tokenize.js'
import { countTexts, countWords, wordCounter } from './count-words.js'
import { PairCounts } from './pair-counts.js'
import { TokenIds } from './token-ids.js'
import { byteLevelJson, preTokenizers, type TokenizerJson, type WordCut } from './tokenizer-json.js'
import { breather, checkMinFrequency, checkTraining, stopIfAborted, type TrainOptions, type TrainProgress } from './training.js'

export interface TrainBpeOptions extends TrainOptions {
  /** Pairs that occur less often are not merged. */
  readonly minFrequency?: number
  /**
   * How texts are cut into words, which tokens never cross: `gpt2` (default); `digits`, where each digit is a word of its own; `code`, where
   * digits are apart, runs of blanks stay together for indentation, and a line break ends a run of symbols.
   */
  readonly words?: WordCut
}

export type TrainBpeProgress = TrainProgress

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
  checkTraining(options, 256, 'bytes')
  const { vocabularySize, specialTokens = [], minFrequency = 0, words: cut = 'gpt2', signal, onProgress } = options
  checkMinFrequency(minFrequency)
  stopIfAborted(signal)
  const breathe = breather(options)

  const count = cut === 'gpt2' ? countWords : wordCounter(parsePreTokenizer(preTokenizers[cut]))
  const counts = await countTexts(texts, count, breathe)

  const vocabulary = new TokenIds(specialTokens)
  const { tokens } = vocabulary
  const special = tokens.length
  for (const char of [...byteCharacters].sort()) vocabulary.of(char)

  const byteIds = byteCharacters.map((char) => vocabulary.of(char))
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
    pairs.merge(best, vocabulary.of(left + right))
    await breathe({ phase: 'merge', done: tokens.length, total: vocabularySize })
  }
  onProgress?.({ phase: 'merge', done: tokens.length, total: vocabularySize })
  return byteLevelJson(tokens, special, [...merges.values()], cut)
}
