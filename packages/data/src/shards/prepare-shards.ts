import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RowSource, type Tokenizer, usageError } from '@qt/core'
import { writeFileAtomic } from '@qt/core/node'
import { type PreparedRows, prepareRows, type RowsConfig } from '../prepare-rows.js'
import { manifestName, shardsAt, type TokenShards, type TokenShardsPart, tokenizerIdentity } from './manifest.js'
import { ShardWriter } from './shard-writer.js'
import { storesIn } from './stores-in.js'

export interface PrepareShardsOptions {
  /** The folder for the shards: empty, or shards that are replaced. */
  readonly out: string
  /** Tokens of a shard, after which another one begins. Default 64 million, 512 MB. */
  readonly shardTokens?: number | undefined
  readonly vocabularySize?: number | undefined
  readonly signal?: AbortSignal | undefined
}

const defaultShardTokens = 64_000_000
const ours = /^(?:(?:train|validation)-\d{5}\.qtok(?:\.part)?|(?:train|validation)\.pieces|shards\.json)$/

/**
 * Does what `prepareRows` does once and for all: reads, tokenises, masks, splits and packs data, and writes the rows to files that a training reads
 * without copying. Tokens lie on disk meanwhile, so that data may be larger than memory. A training on the folder is the training on the data.
 *
 * @example
 * ```ts
 * const shards = await prepareShards(parseConfig({ base: 'model.gguf', data: { path: 'chats.jsonl' } }), tokenizer, { out: 'shards' })
 * shards.parts.train.tokens
 * ```
 */
export async function prepareShards(
  config: RowsConfig,
  tokenizer: Tokenizer | undefined,
  { out, shardTokens = defaultShardTokens, vocabularySize, signal }: PrepareShardsOptions,
): Promise<TokenShards> {
  if (!(Number.isInteger(shardTokens) && shardTokens > 0))
    throw usageError('DATA_OPTION', `A shard has a whole number of tokens, not ${shardTokens}.`, { actions: ['Leave it out.'] })
  if (await shardsAt(config.data.path))
    throw usageError('DATA_OPTION', 'These are shards of tokens already.', {
      where: { field: 'data.path' },
      actions: ['Give the data that they were made from.'],
    })
  await clear(out)
  const disk = storesIn(out)
  try {
    const rows = await prepareRows(config, tokenizer, { signal, vocabularySize, store: disk.store })
    const write = (part: 'train' | 'validation', source: RowSource) => writePart(source, { out, part, shardTokens, signal })
    const { train, validation } = rows.statistics
    const parts = {
      train: { ...train, hash: rows.hash, shards: write('train', rows.train) },
      ...(rows.validation && validation && rows.validationHash
        ? { validation: { ...validation, hash: rows.validationHash, shards: write('validation', rows.validation) } }
        : {}),
    }
    const manifest = manifestOf(rows, config, tokenizer, parts)
    await writeFileAtomic(join(out, manifestName), `${JSON.stringify(manifest, null, 2)}\n`)
    return manifest
  } finally {
    disk.close()
  }
}

const manifestOf = (
  rows: PreparedRows,
  config: RowsConfig,
  tokenizer: Tokenizer | undefined,
  parts: TokenShards['parts'],
): TokenShards => ({
  format: 'qt-token-shards',
  version: 1,
  data: rows.format,
  sequenceLength: config.training.sequenceLength,
  packing: rows.packing,
  shuffle: rows.shuffle,
  choices: choicesOf(config.data),
  ...(tokenizer && rows.format !== 'tokens' ? { tokenizer: tokenizerIdentity(tokenizer) } : {}),
  files: rows.statistics.files,
  documents: rows.statistics.documents,
  warnings: [...rows.warnings],
  parts,
})

const choicesOf = ({ learn, tooLong, overlap }: RowsConfig['data']): TokenShards['choices'] => ({
  ...(learn === undefined ? {} : { learn }),
  ...(tooLong === undefined ? {} : { tooLong }),
  ...(overlap === undefined ? {} : { overlap }),
})

interface PartOptions {
  readonly out: string
  readonly part: 'train' | 'validation'
  readonly shardTokens: number
  readonly signal: AbortSignal | undefined
}

function writePart(source: RowSource, { out, part, shardTokens, signal }: PartOptions): TokenShardsPart['shards'] {
  const shards: TokenShardsPart['shards'] = []
  for (let row = 0; row < source.length; ) {
    const file = `${part}-${String(shards.length).padStart(5, '0')}.qtok`
    const writer = new ShardWriter(join(out, file))
    try {
      do {
        signal?.throwIfAborted()
        writer.add(source.row(row++))
      } while (row < source.length && writer.size < shardTokens)
    } catch (error) {
      writer.abandon()
      throw error
    }
    const { rows, tokens, hash } = writer.end()
    shards.push({ file, rows, tokens, hash })
  }
  return shards
}

/** The folder, empty; what is not ours is not removed. */
async function clear(out: string): Promise<void> {
  await mkdir(out, { recursive: true })
  const names = await readdir(out)
  const other = names.find((name) => !ours.test(name))
  if (other !== undefined)
    throw usageError('DATA_SHARD', `The folder has ${other}, which is no shard of tokens.`, {
      where: { file: out },
      actions: ['Name an empty folder, or one that is not there.'],
    })
  // The manifest first: without it nothing reads the rest.
  for (const name of [manifestName, ...names]) await rm(join(out, name), { force: true })
}
