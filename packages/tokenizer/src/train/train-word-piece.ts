import { parseNormalizer } from '../normalize.js'
import { parsePreTokenizer } from '../pre-tokenize.js'
import { countTexts, wordCounter } from './count-words.js'
import { PairCounts } from './pair-counts.js'
import { TokenIds } from './token-ids.js'
import { specialToken } from './tokenizer-json.js'
import { breather, checkMinFrequency, checkTraining, stopIfAborted, type TrainOptions } from './training.js'

export interface TrainWordPieceOptions extends TrainOptions {
  readonly minFrequency?: number
  /** Letters become small and lose their accents, as BERT uncased. Default true. */
  readonly lowercase?: boolean
}

/** Stands before every piece of a word but its first. */
const prefix = '##'

/**
 * Trains a WordPiece vocabulary as BERT's: the pieces are found by merging the most frequent pairs, as the WordPieceTrainer of Hugging Face's
 * tokenizers does it, and matched greedily. The result is the object of a tokenizer.json.
 *
 * @example
 * ```ts
 * const json = await trainWordPiece(['to be or not to be'], { vocabularySize: 40 })
 * Tokenizer.fromJson(json).encode('not to be')
 * ```
 */
export async function trainWordPiece(
  texts: Iterable<string> | AsyncIterable<string>,
  { minFrequency = 0, lowercase = true, ...options }: TrainWordPieceOptions,
) {
  const { vocabularySize, signal, onProgress } = options
  const specialTokens = [...new Set(['[UNK]', ...(options.specialTokens ?? ['[CLS]', '[SEP]', '[PAD]', '[MASK]'])])]
  checkTraining({ ...options, specialTokens }, 1, 'character')
  checkMinFrequency(minFrequency)
  stopIfAborted(signal)
  const breathe = breather(options)
  const normalizer = { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase }
  const preTokenizer = { type: 'BertPreTokenizer' }
  const count = wordCounter(parsePreTokenizer(preTokenizer), parseNormalizer(normalizer))
  const counts = await countTexts(texts, count, breathe)

  const vocabulary = new TokenIds(specialTokens)
  const { tokens } = vocabulary
  // By code point, whatever the order of the texts; where there is not room for all, the rarest are unknown.
  const symbols = new Map<string, number>()
  for (const [word, times] of counts)
    for (const [place, character] of [...word].entries()) {
      const symbol = place === 0 ? character : prefix + character
      symbols.set(symbol, (symbols.get(symbol) ?? 0) + times)
    }
  const byCode = (a: string, b: string): number => (a < b ? -1 : 1)
  const room = vocabularySize - tokens.length
  const kept = [...symbols].sort(([a, n], [b, m]) => m - n || byCode(a, b)).slice(0, room)
  for (const symbol of kept.map(([symbol]) => symbol).sort(byCode)) vocabulary.of(symbol)

  const known = [...counts].flatMap(([word, times]) => {
    const list = [...word].map((character, place) => vocabulary.known(place === 0 ? character : prefix + character))
    return list.includes(undefined) ? [] : [{ times, ids: Int32Array.from(list, (id) => id ?? 0) }]
  })
  const pairs = new PairCounts(
    known.map((one) => one.ids),
    known.map(({ times }) => times),
  )
  while (tokens.length < vocabularySize) {
    const best = pairs.next()
    if (best === undefined || best.count < Math.max(1, minFrequency)) break
    const right = tokens[best.right]!
    pairs.merge(best, vocabulary.of(tokens[best.left]! + (right.startsWith(prefix) ? right.slice(prefix.length) : right)))
    await breathe({ phase: 'merge', done: tokens.length, total: vocabularySize })
  }
  onProgress?.({ phase: 'merge', done: tokens.length, total: vocabularySize })
  const vocab: Record<string, number> = Object.create(null)
  for (const [id, token] of tokens.entries()) vocab[token] = id
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map(specialToken),
    normalizer,
    pre_tokenizer: preTokenizer,
    post_processor: null,
    decoder: { type: 'WordPiece', prefix, cleanup: true },
    model: { type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: prefix, max_input_chars_per_word: 100, vocab },
  } as const
}
