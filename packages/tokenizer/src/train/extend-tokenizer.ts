import { usageError } from '@qt/core'
import { invalid, unsupported } from '../errors.js'
import { isObject, listAt, objectAt, textAt } from '../fields.js'
import { Ids } from '../ids.js'
import { parseModel } from '../json-model.js'
import { parseNormalizer } from '../normalize.js'
import { parsePreTokenizer } from '../pre-tokenize.js'
import { countTexts, wordCounter } from './count-words.js'
import { PairCounts } from './pair-counts.js'
import { specialToken } from './tokenizer-json.js'
import { breather, stopIfAborted, type TrainOptions } from './training.js'

export interface ExtendTokenizerOptions extends Pick<TrainOptions, 'signal' | 'onProgress'> {
  /** Tokens to learn from the texts, at most. Default 0. */
  readonly learn?: number
  /** Pairs that occur less often are not merged. Default 2. */
  readonly minFrequency?: number
  /** Special tokens to add. */
  readonly specialTokens?: readonly string[]
}

/**
 * A BPE tokenizer with more tokens: what it had keeps its ids and its merges, new merges come after them, learned from texts as they are
 * tokenised now; so no text becomes longer. The result is the object of a tokenizer.json; the model needs that many more embeddings.
 *
 * @example
 * ```ts
 * const small = await trainBpe(['to be or not to be'], { vocabularySize: 260 })
 * const larger = await extendTokenizer(small, ['whether it is nobler'], { learn: 20, specialTokens: ['<|tool|>'] })
 * Tokenizer.fromJson(larger).encode('nobler')
 * ```
 */
export async function extendTokenizer(
  json: unknown,
  texts: Iterable<string> | AsyncIterable<string>,
  { learn = 0, minFrequency = 2, specialTokens = [], signal, onProgress }: ExtendTokenizerOptions,
): Promise<Record<string, unknown>> {
  if (!(Number.isInteger(learn) && learn >= 0))
    throw usageError('VOCABULARY_SIZE', `The number of tokens to learn is a whole number from 0 on, not ${learn}.`, {
      where: { field: 'learn' },
      actions: ['Use 1000.'],
    })
  stopIfAborted(signal)
  const file = objectAt(json, 'tokenizer.json')
  const model = objectAt(file.model, 'model')
  if (textAt(model.type ?? 'BPE', 'model.type') !== 'BPE')
    throw usageError('TOKENIZER_UNSUPPORTED', `A vocabulary of the kind ${String(model.type)} cannot be extended; BPE can.`, {
      actions: ['Train a new one, or extend a BPE tokenizer.'],
    })
  const pre = parsePreTokenizer(file.pre_tokenizer)
  const { vocabulary, model: encoder, takesBytes } = parseModel(model, pre?.bytes ?? false, { rate: 0 })
  if (pre?.bytes && !takesBytes) throw unsupported('model', 'byte-level BPE with prefixes or suffixes of words')
  const added = (file.added_tokens === undefined ? [] : listAt(file.added_tokens, 'added_tokens')).filter(isObject)
  const count = wordCounter(pre, parseNormalizer(file.normalizer))
  const breathe = breather({ ...(signal ? { signal } : {}), ...(onProgress ? { onProgress } : {}) })
  const counts = await countTexts(texts, count, breathe)

  const vocab: Record<string, number> = Object.assign(Object.create(null), Object.fromEntries(vocabulary.ids))
  const names = new Map([...vocabulary.ids].map(([token, id]) => [id, token]))
  let next = Math.max(-1, ...names.keys(), ...added.map(({ id }) => Number(id))) + 1
  // A token of either kind is not added twice.
  const taken = new Set([...vocabulary.ids.keys(), ...added.map(({ content }) => String(content))])
  const specials = specialTokens.filter((token) => token !== '' && !taken.has(token)).map((token) => specialToken(token, next++))

  // The unknown token stands for anything: nothing merges with it.
  const unknown = typeof model.unk_token === 'string' ? vocabulary.ids.get(model.unk_token) : undefined
  const words = [...counts].flatMap(([word, times]) => {
    const ids = new Ids(word.length)
    encoder.encode(word, 0, word.length, ids)
    const list = Int32Array.from(ids.toArray())
    return unknown !== undefined && list.includes(unknown) ? [] : [{ ids: list, times }]
  })
  const pairs = new PairCounts(
    words.map(({ ids }) => ids),
    words.map(({ times }) => times),
  )
  const prefix = typeof model.continuing_subword_prefix === 'string' ? model.continuing_subword_prefix : ''
  const old = listAt(model.merges, 'model.merges')
  const known = new Set(old.map((pair) => JSON.stringify(typeof pair === 'string' ? pair.split(' ') : pair)))
  const merges: [string, string][] = []
  let size = vocabulary.ids.size
  for (let learned = 0; learned < learn; ) {
    const best = pairs.next()
    if (best === undefined || best.count < Math.max(1, minFrequency)) break
    const [left, right] = [names.get(best.left), names.get(best.right)]
    if (left === undefined || right === undefined) throw invalid('model.vocab', 'The vocabulary has ids without a token.')
    const token = left + (prefix !== '' && right.startsWith(prefix) ? right.slice(prefix.length) : right)
    let id = vocab[token]
    if (id === undefined) {
      id = next++
      vocab[token] = id
      names.set(id, token)
      learned++
      size++
    }
    // A merge that is there keeps its rank: a second one would take it away.
    if (!known.has(JSON.stringify([left, right]))) merges.push([left, right])
    pairs.merge(best, id)
    await breathe({ phase: 'merge', done: size, total: undefined })
  }
  // Older files write a merge as one text.
  const joined = typeof old[0] === 'string'
  return {
    ...file,
    added_tokens: [...added, ...specials],
    model: { ...model, vocab, merges: [...old, ...merges.map((pair) => (joined ? pair.join(' ') : pair))] },
  }
}
