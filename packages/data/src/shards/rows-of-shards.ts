import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { ignoreLabel, type RowSource, type Tokenizer, usageError } from '@qt/core'
import { usualLearn } from '../apply-learn.js'
import { usualTooLong } from '../collector.js'
import { describeRows } from '../describe-rows.js'
import type { PreparedRows, PrepareRowsOptions, RowsConfig } from '../prepare-rows.js'
import { manifestName, type TokenShards, type TokenShardsPart, tokenizerIdentity } from './manifest.js'
import { shardError } from './shard-layout.js'
import { openShard, verifyShard } from './shard-reader.js'

/** The rows of a folder of shards, for a training that fits them. */
export function rowsOfShards(
  { folder, manifest }: { folder: string; manifest: TokenShards },
  config: RowsConfig,
  tokenizer: Tokenizer | undefined,
  options: PrepareRowsOptions,
): PreparedRows {
  const { data, training } = config
  const { parts, packing, sequenceLength } = manifest
  const conflict = (field: string, message: string, ...actions: string[]) =>
    usageError('DATA_SHARD', message, { where: { file: join(folder, manifestName), field }, actions })
  const again = 'Prepare the data again with this setting: qt data prepare.'
  if (training.sequenceLength < sequenceLength)
    throw conflict(
      'training.sequenceLength',
      `The shards have rows of up to ${sequenceLength} tokens, the training of ${training.sequenceLength}.`,
      `Set training.sequenceLength to ${sequenceLength}.`,
      again,
    )
  if (training.packing !== undefined && training.packing !== packing)
    throw conflict(
      'training.packing',
      `The shards were prepared ${packing ? 'with' : 'without'} packing.`,
      'Leave it out.',
      again,
    )
  if (typeof data.validation === 'string' || (data.validation !== undefined && data.validation > 0 && !parts.validation))
    throw conflict('data.validation', 'What is held out was decided when the shards were prepared.', 'Leave it out.', again)
  const made = manifest.choices && { ...usual(manifest.data), ...manifest.choices }
  for (const field of ['learn', 'tooLong', 'overlap'] as const) {
    const asked = data[field]
    if (asked !== undefined && made && JSON.stringify(asked) !== JSON.stringify(made[field]))
      throw conflict(`data.${field}`, 'The shards were prepared with another setting of this.', 'Leave it out.', again)
  }
  const whose = manifest.tokenizer
  if (whose && tokenizer && tokenizerIdentity(tokenizer).hash !== whose.hash)
    throw conflict('tokenizer', "The shards were tokenised by another tokenizer than this model's.", again)
  if (whose && options.vocabularySize !== undefined && whose.vocabularySize > options.vocabularySize)
    throw conflict(
      'tokenizer',
      `The shards were made for a vocabulary of ${whose.vocabularySize} tokens; this model has ${options.vocabularySize}.`,
      again,
    )
  const rowsOf = (part: TokenShardsPart) => joined(part.shards.map((shard) => opened(folder, shard, options)))
  const train = rowsOf(parts.train)
  const held = data.validation === 0 ? undefined : parts.validation
  const counts = ({ rows, tokens, trainableTokens }: TokenShardsPart) => ({ rows, tokens, trainableTokens })
  const result = {
    format: manifest.data,
    statistics: {
      files: manifest.files,
      documents: manifest.documents,
      train: counts(parts.train),
      validation: held && counts(held),
    },
  } as const
  return {
    ...result,
    train,
    validation: held && rowsOf(held),
    trainableTokens: parts.train.trainableTokens,
    tokens: parts.train.tokens,
    hash: parts.train.hash,
    validationHash: held?.hash,
    packing,
    shuffle: training.shuffle ?? manifest.shuffle,
    warnings: manifest.warnings,
    leftOut: [],
    description: describeRows(result, sequenceLength),
  }
}

/** What settings that nothing was said of came to; of mixed data what is too long was not treated alike. */
const usual = (format: TokenShards['data']): NonNullable<TokenShards['choices']> => ({
  learn: usualLearn,
  overlap: 0,
  tooLong: format === 'mixed' ? undefined : usualTooLong(format),
})

function opened(
  folder: string,
  shard: TokenShardsPart['shards'][number],
  { map, signal, vocabularySize }: PrepareRowsOptions,
): RowSource {
  signal?.throwIfAborted()
  const file = join(folder, shard.file)
  if (!existsSync(file)) throw shardError(file, 'This shard is missing.')
  const rows = openShard(file, { map })
  if (rows.header.hash !== shard.hash || rows.length !== shard.rows)
    throw shardError(file, `This is another shard than the one that ${manifestName} names.`)
  verifyShard(file, rows.header)
  checkIds(rows, vocabularySize, file)
  return rows
}

/** What the engine takes without a look: ids within the vocabulary, and documents that fill their row. */
function checkIds(rows: RowSource, vocabularySize = 2 ** 31, file: string): void {
  for (let index = 0; index < rows.length; index++) {
    const { ids, labels, documents } = rows.row(index)
    for (const id of ids)
      if (!(id >= 0 && id < vocabularySize))
        throw shardError(file, `Row ${index + 1} has the token id ${id}; this model has ${vocabularySize} tokens.`)
    for (const label of labels)
      if (label !== ignoreLabel && !(label >= 0 && label < vocabularySize))
        throw shardError(file, `Row ${index + 1} has the label ${label}; this model has ${vocabularySize} tokens.`)
    const borders = documents.every((border, i) => (i === 0 ? border === 0 : border > documents[i - 1]!))
    if (!borders || documents.at(-1) !== ids.length) throw shardError(file, `The documents of row ${index + 1} do not fill it.`)
  }
}

/** Sources one after another. */
function joined(sources: readonly RowSource[]): RowSource {
  const starts = [0]
  for (const { length } of sources) starts.push(starts.at(-1)! + length)
  const length = starts.at(-1)!
  return {
    length,
    row(index) {
      if (!(index >= 0 && index < length)) throw new RangeError(`there is no row ${index}; there are ${length}`)
      let shard = 0
      while (starts[shard + 1]! <= index) shard++
      return sources[shard]!.row(index - starts[shard]!)
    },
  }
}
