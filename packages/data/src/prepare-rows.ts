import { setImmediate } from 'node:timers/promises'
import { type RowSource, type Tokenizer, type TrainingConfig, uniform, usageError } from '@qt/core'
import { Collector } from './collector.js'
import { describeRows } from './describe-rows.js'
import { formatOf, type RowFormat } from './detect-format.js'
import { type DataRecord, readRecords } from './read-records.js'
import { measureRows, type RowStatistics, rowSet } from './row-set.js'
import { findCopies } from './scenario/copies.js'
import type { Finding } from './scenario/finding.js'
import { toolsOf } from './scenario/read-scenario.js'
import { readScenarioFile } from './scenario/read-scenario-file.js'
import { shardsAt } from './shards/manifest.js'
import { rowsOfShards } from './shards/rows-of-shards.js'
import type { MapFile } from './shards/shard-reader.js'
import { TokenStore } from './token-store.js'
import { trainingFiles } from './training-files.js'

/** The parts of a training configuration that rows depend on. */
export type RowsConfig = Pick<TrainingConfig, 'data' | 'training'> & Partial<Pick<TrainingConfig, 'base' | 'architecture'>>

export interface PreparedRows {
  readonly train: RowSource
  readonly validation: RowSource | undefined
  /** Tokens of `train` that carry loss. */
  readonly trainableTokens: number
  /** Tokens of `train`. */
  readonly tokens: number
  /** SHA-256 over what is trained on: documents, ids and labels of every row, the same on every machine. */
  readonly hash: string
  /** The same over the validation rows. */
  readonly validationHash: string | undefined
  /** One paragraph for people. */
  readonly description: string
  /** What was read; `mixed` when examples of several shapes lie together. */
  readonly format: RowFormat | 'mixed'
  /** The configured value, or the default of the format: false for tokens. */
  readonly packing: boolean
  readonly shuffle: boolean
  /** What was left out or looks wrong. */
  readonly warnings: readonly string[]
  /** With `data.skipInvalid`, the first error of each scenario that was left out. */
  readonly leftOut: readonly Finding[]
  readonly statistics: {
    readonly files: number
    readonly documents: number
    readonly train: RowStatistics
    readonly validation: RowStatistics | undefined
  }
}

export interface PrepareRowsOptions {
  readonly signal?: AbortSignal | undefined
  /** Of the model: ids must lie below it. */
  readonly vocabularySize?: number | undefined
  /** Where tokens are kept until they are rows; left out: in memory. */
  readonly store?: ((part: 'train' | 'validation') => TokenStore) | undefined
  /** Maps shards into memory, so that their rows are not copied; left out: rows are read from the file one by one. */
  readonly map?: MapFile | undefined
}

/**
 * Reads, tokenises, masks, splits and packs the data of a configuration.
 *
 * @example
 * ```ts
 * const rows = await prepareRows(parseConfig({ base: 'model.gguf', data: { path: 'chats.jsonl' } }), tokenizer)
 * rows.description // 'chat: 120 examples from 1 file …'
 * rows.train.row(0).ids // Int32Array
 * ```
 */
export async function prepareRows(
  config: RowsConfig,
  tokenizer: Tokenizer | undefined,
  options: PrepareRowsOptions = {},
): Promise<PreparedRows> {
  const { signal, vocabularySize, store = () => new TokenStore() } = options
  const { data, training } = config
  const shards = await shardsAt(data.path)
  if (shards) return rowsOfShards(shards, config, tokenizer, options)
  const { sequenceLength } = training
  const leftOut: Finding[] = []
  const onInvalid = (_: string, findings: readonly Finding[]) =>
    void leftOut.push(findings.find(({ severity }) => severity === 'error')!)
  const encoding = {
    tokenizer,
    sequenceLength,
    base: config.base,
    vocabularySize,
    architecture: config.architecture,
    tools: await toolsOf(data.tools),
    learn: data.learn,
    tooLong: data.tooLong,
    overlap: overlapOf(config),
    onInvalid: data.skipInvalid ? onInvalid : undefined,
  }
  const fixed = typeof data.validation === 'string'
  const { files, heldOut, findings: around } = await trainingFiles(data, signal)
  const onUnreadable = data.skipInvalid ? (finding: Finding) => void leftOut.push(finding) : undefined
  const copies = findCopies()
  const twice = ({ value, where }: DataRecord, format: RowFormat, part: 'training' | 'heldOut') => {
    if (format !== 'scenarios' || typeof value.text !== 'string' || where.file === undefined) return
    const copy = copies[part](where.file, value.text)
    if (copy) around.push(copy)
  }
  const train = new Collector(encoding, store('train'))
  const held = new Collector(encoding, store('validation'))
  for await (const record of records(heldOut, { signal, onUnreadable })) {
    const format = formatOf(record, data.format)
    twice(record, format, 'heldOut')
    held.add(record, format)
  }
  const counts = new Map<RowFormat, number>()
  let [index, offered] = [0, 0]
  for await (const record of records(files, { signal, onUnreadable })) {
    const format = formatOf(record, data.format)
    twice(record, format, 'training')
    counts.set(format, (counts.get(format) ?? 0) + 1)
    if (counts.size > 1 && counts.has('tokens')) throw mixed(record)
    const share = data.validation ?? (format === 'tokens' ? 0 : 0.2)
    const aside = typeof share === 'number' && uniform(training.seed, 'split', 0, index++) < share
    if (!aside) offered++
    ;(aside ? held : train).add(record, format)
  }

  const format = counts.size === 1 ? [...counts.keys()][0]! : 'mixed'
  const packing = training.packing ?? format !== 'tokens'
  // A share can take every example of a little data; then there is nothing to hold out. What was offered and cannot be trained on is told.
  const swapped = offered === 0 && !fixed
  const source = swapped ? held : train
  const { rows, without } = rowSet(source.store, { packing, sequenceLength })
  const { hash, ...statistics } = measureRows(rows)
  if (statistics.trainableTokens === 0) throw nothingToTrain(config, files, source, index + leftOut.length)
  const validation = swapped ? undefined : heldRows(held, { packing, sequenceLength })
  const nothingHeld =
    fixed && validation === undefined ? ['The validation data has no token with loss: nothing is validated.'] : []
  const result = {
    format,
    statistics: {
      files: files.length,
      documents: train.documents + held.documents,
      train: statistics,
      validation: validation?.statistics,
    },
  } as const
  return {
    ...result,
    train: rows,
    validation: validation?.rows,
    trainableTokens: statistics.trainableTokens,
    tokens: statistics.tokens,
    hash,
    validationHash: validation?.hash,
    packing,
    shuffle: training.shuffle ?? format !== 'tokens',
    warnings: [
      ...new Set([
        ...[train, held].flatMap((part) => part.warnings()),
        ...nothingHeld,
        ...emptyRows(without),
        ...around.map(String),
        ...leftOut.map(leftOutText),
      ]),
    ],
    leftOut,
    description: describeRows(result, sequenceLength),
  }
}

/** Pieces that share all of their tokens would never come to an end. */
function overlapOf({ data: { overlap, tooLong }, training: { sequenceLength } }: RowsConfig): number | undefined {
  if (overlap === undefined || overlap === 0 || (overlap < sequenceLength && tooLong === 'split')) return overlap
  throw usageError(
    'DATA_OPTION',
    tooLong === 'split'
      ? `Pieces of ${sequenceLength} tokens cannot share ${overlap}.`
      : 'Only what is split has pieces that share tokens.',
    {
      where: { field: 'data.overlap' },
      actions: [
        tooLong === 'split' ? `Use ${Math.floor(sequenceLength / 8)}.` : 'Set data.tooLong to split, or leave data.overlap out.',
      ],
    },
  )
}

const emptyRows = (count: number): string[] =>
  count === 0
    ? []
    : [`${count} ${count === 1 ? 'row has' : 'rows have'} no token with loss and ${count === 1 ? 'is' : 'are'} left out.`]

const leftOutText = (finding: Finding): string => `left out: ${finding.toString()}`

/** Rows to validate on, unless no token of theirs carries loss: a mean over nothing is no number. */
function heldRows(held: Collector, options: { packing: boolean; sequenceLength: number }) {
  const { rows } = rowSet(held.store, options)
  const { hash, ...statistics } = measureRows(rows)
  return statistics.trainableTokens > 0 ? { rows, statistics, hash } : undefined
}

interface RecordsOptions {
  readonly signal: AbortSignal | undefined
  /** Given: told of Markdown files that cannot be read as text, which are then left out; else they are errors. */
  readonly onUnreadable: ((finding: Finding) => void) | undefined
}

/** Every record of the files; gives way to other work now and then, and stops when asked to. */
async function* records(files: readonly string[], { signal, onUnreadable }: RecordsOptions): AsyncGenerator<DataRecord> {
  let pause = performance.now() + 20
  for (const file of files) {
    const { finding } = onUnreadable && /\.md$/i.test(file) ? await readScenarioFile(file) : {}
    if (finding) {
      onUnreadable?.(finding)
      continue
    }
    for await (const record of readRecords(file)) {
      signal?.throwIfAborted()
      yield record
      if (performance.now() < pause) continue
      await setImmediate()
      pause = performance.now() + 20
    }
  }
}

const mixed = ({ where }: DataRecord) =>
  usageError('DATA_FORMATS_MIXED', 'Pre-tokenised rows and other examples lie together.', {
    where,
    actions: ['Train on one of the two, or tokenise the rest as well.'],
  })

function nothingToTrain({ data, training }: RowsConfig, files: readonly string[], source: Collector, examples: number) {
  const [only] = files
  if (examples === 0)
    return usageError('DATA_NOTHING_TO_TRAIN', 'There is no example in this data, so there is nothing to learn.', {
      where: { ...(files.length === 1 && only !== undefined ? { file: only } : {}), field: 'data.path' },
      actions: ['Put examples there: a conversation, an instruction or a text a line.', 'Or correct the path.'],
    })
  return usageError('DATA_NOTHING_TO_TRAIN', 'No token of this data carries loss, so there is nothing to learn.', {
    where: { ...(files.length === 1 && only !== undefined ? { file: only } : {}), field: 'data.path' },
    actions: [
      ...source.warnings().map((warning) => `Look at this: ${warning}`),
      'Check that conversations have assistant turns and that labels are not all -100.',
      `Check that answers begin within training.sequenceLength (${training.sequenceLength}) tokens of ${JSON.stringify(data.path)}.`,
    ],
  })
}
