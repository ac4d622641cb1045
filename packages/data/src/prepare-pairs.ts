import { type ChatMessage, ignoreLabel, type RowSource, type Tokenizer, uniform, usageError } from '@qt/core'
import { dataFiles } from './data-files.js'
import { maskChat } from './mask-chat.js'
import type { PreparedRows, RowsConfig } from './prepare-rows.js'
import { readPreference } from './read-preference.js'
import { type DataRecord, readRecords } from './read-records.js'
import { readTokens } from './read-tokens.js'
import { measureRows } from './row-set.js'
import { TokenStore } from './token-store.js'

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
        return readTokens({ value: given, where: record.where }, { sequenceLength, vocabularySize })
      }
      return answer(record, side, tokenizer, base)
    })
    // An answer that is cut off would be compared unfairly.
    if (
      sides.some(({ ids, labels }) => ids.length > sequenceLength || !labels.some((label, i) => i > 0 && label !== ignoreLabel))
    )
      leftOut++
    else for (const { ids, labels } of sides) into.add(ids, labels, { longest: sequenceLength })
  }
  const files = await dataFiles(data.path, data.format, { signal })
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
  const heldFiles = typeof data.validation === 'string' ? await dataFiles(data.validation, data.format, { signal }) : []
  for (const file of heldFiles) for await (const record of readRecords(file)) add(record, stores.held)

  const train = pairsOf(stores.train)
  const held = pairsOf(stores.held)
  if (train.length === 0)
    throw usageError('DATA_NOTHING_TO_TRAIN', 'There is no preference pair to learn from.', {
      where: { field: 'data.path' },
      actions: [
        'Write lines of {"prompt": "…", "chosen": "…", "rejected": "…"}.',
        `Raise training.sequenceLength (${sequenceLength}).`,
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
    warnings:
      leftOut === 0
        ? []
        : [
            `${leftOut} ${leftOut === 1 ? 'pair' : 'pairs'} left out: an answer is empty or longer than training.sequenceLength (${sequenceLength}).`,
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
function answer({ value, where }: DataRecord, side: Side, tokenizer: Tokenizer | undefined, base: string | undefined) {
  if (tokenizer === undefined)
    throw usageError('DATA_TOKENIZER_MISSING', 'Preference pairs of text need a tokenizer.', {
      where,
      actions: ['Name one as "tokenizer" in the configuration, or give a base that brings its own.'],
    })
  const pair = readPreference({ value, where })
  const unlearned = pair.prompt.map((message): ChatMessage => ({ ...message, weight: 0 }))
  const example = { messages: [...unlearned, ...pair[side]] }
  return maskChat(example, tokenizer, {
    date: new Date('2024-07-26T00:00:00Z'),
    ...(base === undefined ? {} : { templateName: `of ${base}` }),
  })
}
