import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { dataSchema, QtError, type Tokenizer } from '@qt/core'
import { z } from 'zod'
import { shardError } from './shard-layout.js'

export const manifestName = 'shards.json'
const count = z.number().int().nonnegative()

const partSchema = z.object({
  rows: count,
  tokens: count,
  trainableTokens: count,
  /** SHA-256 over the rows, the same as of the data that they were made from. */
  hash: z.string(),
  shards: z.array(z.object({ file: z.string().regex(/^[\w-]+\.qtok$/), rows: count, tokens: count, hash: z.string() })),
})

const manifestSchema = z.object({
  format: z.literal('qt-token-shards'),
  version: z.literal(1),
  data: z.enum(['tokens', 'chat', 'instructions', 'text', 'scenarios', 'mixed']),
  sequenceLength: z.number().int().positive(),
  packing: z.boolean(),
  shuffle: z.boolean(),
  /** What the rows hold, as far as it was said; left out by versions that did not write it. */
  choices: dataSchema.pick({ learn: true, tooLong: true, overlap: true }).optional(),
  /** Whose ids these are; left out when the data came as ids. */
  tokenizer: z.object({ vocabularySize: count, hash: z.string() }).optional(),
  files: count,
  documents: count,
  warnings: z.array(z.string()),
  parts: z.object({ train: partSchema, validation: partSchema.optional() }),
})

/** What shards.json says. */
export type TokenShards = z.infer<typeof manifestSchema>
export type TokenShardsPart = z.infer<typeof partSchema>

/** The manifest of a folder of shards; undefined when the path is anything else. */
export async function shardsAt(path: string | readonly string[]): Promise<{ folder: string; manifest: TokenShards } | undefined> {
  const only = typeof path === 'string' ? path : path.length === 1 ? path[0]! : undefined
  if (only === undefined || !(await stat(only).catch(() => undefined))?.isDirectory()) return undefined
  const file = join(only, manifestName)
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) {
    if (await stat(join(only, 'train-00000.qtok')).catch(() => undefined))
      throw shardError(only, `The folder has shards of tokens and no ${manifestName}: their preparation did not end.`)
    return undefined
  }
  try {
    return { folder: only, manifest: manifestSchema.parse(JSON.parse(text)) }
  } catch (cause) {
    if (QtError.isInstance(cause)) throw cause
    throw shardError(file, 'This file does not describe shards of tokens that this program can read.')
  }
}

/** Tells vocabularies apart: SHA-256 over every token in its place. */
export function tokenizerIdentity(tokenizer: Tokenizer): { vocabularySize: number; hash: string } {
  const hash = createHash('sha256')
  for (let id = 0; id < tokenizer.vocabularySize; id++) hash.update(`${tokenizer.token(id) ?? ''}\0`)
  return { vocabularySize: tokenizer.vocabularySize, hash: hash.digest('hex') }
}
