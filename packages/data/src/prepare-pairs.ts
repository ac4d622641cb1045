import { type ChatMessage, ignoreLabel, type Learn, type RowSource, type Tokenizer, uniform, usageError } from '@qt/core'
import { exampleWeight } from './example-weight.js'
import { maskChat } from './mask-chat.js'
import type { PreparedRows, RowsConfig } from './prepare-rows.js'
import { readPreference } from './read-preference.js'
import { type DataRecord, readRecords } from './read-records.js'
import { readTokens } from './read-tokens.js'
import { requireKnown } from './require-known.js'
import { measureRows } from './row-set.js'
import { TokenStore } from './token-store.js'
import { trainingFiles } from './training-files.js'

type Side = 'chosen' | 'rejected'

/**
 * Reads preference pairs: `{"prompt", "chosen", "rejected"}`, each text or a list of messages, or `{"chosen": {"input_ids", "labels"},
 * "rejected": {…}}`. A row is one pair: two documents, the chosen answer first. Only the answers carry loss.
 *
 * @example
 * ```ts
 * const pairs = await preparePairs(parseConfig({ base: 'model.gguf', data: { path: 'pairs.jsonl', format: 'preference' } }), tokenizer)
 * pairs.train.row(0).documents // Int32Array [0, length of the chosen, length of both]
 * ```
 */
export async function preparePairs(
  { data, training, base }: RowsConfig,
  tokenizer: Tokenizer | undefined,
  { signal, vocabularySize }: { signal?: AbortSignal | undefined; vocabularySize?: number | undefined } = {},
): Promise<PreparedRows> {
  const { sequenceLength, seed } = training
  const stores = { train: new TokenStore(), held: new TokenStore() }
  let leftOut = 0
  let tokenised = false
  const add = (record: DataRecord, into: TokenStore) => {
    const sides = (['chosen', 'rejected'] as const).map((side) => {
      const given = record.value[side]
      if (isPlain(given)) {
        tokenised = true
        return readTokens({ value: given, where: record.where }, { sequenceLength: Number.POSITIVE_INFINITY, vocabularySize })
      }
      const encoded = answer(record, side, tokenizer, { base, learn: data.learn })
      requireKnown(encoded.ids, vocabularySize, record.where)
      return encoded
    })
    const weight = exampleWeight(record)
    // An answer that is cut off would be compared unfairly.
    if (
      weight === 0 ||
      sides.some(({ ids, labels }) => ids.length > sequenceLength || !labels.some((label, i) => i > 0 && label !== ignoreLabel))
    )
      leftOut++
    else for (const { ids, labels } of sides) into.add(ids, labels, { longest: sequenceLength, weight })
  }
  const fixed = typeof data.validation === 'string'
  const { files, heldOut, findings } = await trainingFiles(data, signal)
  let index = 0
  for (const file of files)
    for await (const record of readRecords(file)) {
      signal?.throwIfAborted()
      const share =
        typeof data.validation === 'number'
          ? data.validation
          : data.validation === undefined && !isPlain(record.value.chosen)
            ? 0.2
            : 0
      add(record, uniform(seed, 'split', 0, index++) < share ? stores.held : stores.train)
    }
  for (const file of heldOut) for await (const record of readRecords(file)) add(record, stores.held)

  // A share can take every pair of a little data; then there is nothing to hold out.
  const swapped = stores.train.lengths().length === 0 && !fixed
  const train = pairsOf(swapped ? stores.held : stores.train)
  const held = pairsOf(swapped ? stores.train : stores.held)
  if (train.length === 0)
    throw usageError('DATA_NOTHING_TO_TRAIN', 'There is no preference pair to learn from.', {
      where: { field: 'data.path' },
      actions: [
        'Write lines of {"prompt": "…", "chosen": "…", "rejected": "…"}.',
        `Raise training.sequenceLength (${sequenceLength}).`,
        'Give pairs a "weight" above 0.',
      ],
    })
  const { hash, ...statistics } = measureRows(train)
  const { hash: heldHash, ...heldStatistics } = measureRows(held)
  const validation = held.length > 0 ? held : undefined
  return {
    train,
    validation,
    trainableTokens: statistics.trainableTokens,
    tokens: statistics.tokens,
    hash,
    validationHash: validation && heldHash,
    format: tokenised ? 'tokens' : 'chat',
    packing: false,
    shuffle: training.shuffle ?? !tokenised,
    warnings: [
      ...(leftOut === 0
        ? []
        : [
            `${leftOut} ${leftOut === 1 ? 'pair' : 'pairs'} left out: an answer has nothing to learn or is longer than training.sequenceLength (${sequenceLength}), or the pair weighs nothing.`,
          ]),
      ...findings.map(String),
    ],
    leftOut: [],
    statistics: {
      files: files.length,
      documents: train.length + held.length,
      train: statistics,
      validation: validation && heldStatistics,
    },
    description: `${train.length} preference pairs with ${statistics.tokens} tokens${validation ? `, ${held.length} more to validate on` : ''}.`,
  }
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const pairsOf = (store: TokenStore): RowSource => {
  const length = store.lengths().length / 2
  return { length, row: (index) => store.row([2 * index, 2 * index + 1]) }
}

/** The prompt with one of its answers, of which only the answer carries loss. */
function answer(
  { value, where }: DataRecord,
  side: Side,
  tokenizer: Tokenizer | undefined,
  { base, learn }: { base: string | undefined; learn: Learn | undefined },
) {
  if (tokenizer === undefined)
    throw usageError('DATA_TOKENIZER_MISSING', 'Preference pairs of text need a tokenizer.', {
      where,
      actions: ['Name one as "tokenizer" in the configuration, or give a base that brings its own.'],
    })
  const pair = readPreference({ value, where })
  const unlearned = pair.prompt.map((message): ChatMessage => ({ ...message, weight: 0 }))
  const example = { messages: [...unlearned, ...pair[side]], ...(pair.tools ? { tools: [...pair.tools] } : {}) }
  return maskChat(example, tokenizer, {
    date: new Date('2024-07-26T00:00:00Z'),
    learn,
    ...(base === undefined ? {} : { templateName: `of ${base}` }),
  })
}
