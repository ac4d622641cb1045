import { usageError } from '@qt/core'
import { z } from 'zod'

const addedTokenSchema = z.looseObject({ id: z.number().int().nonnegative(), content: z.string(), special: z.boolean() })

/** The parts of tokenizer.json that GGUF has a place for. */
const tokenizerJsonSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
  model: z.looseObject({
    type: z.string().default('BPE'),
    vocab: z.record(z.string(), z.number().int().nonnegative()),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
    byte_fallback: z.boolean().nullish(),
    unk_token: z.string().nullish(),
  }),
})

export type TokenizerJson = z.infer<typeof tokenizerJsonSchema>

/** A BPE tokenizer.json; other kinds (Unigram, WordPiece) belong to no architecture that is converted here. */
export function parseTokenizerJson(json: unknown, file: string): TokenizerJson {
  const type =
    typeof json === 'object' && json !== null && 'model' in json && typeof json.model === 'object' && json.model !== null
      ? 'type' in json.model && json.model.type
      : undefined
  if (type !== undefined && type !== false && type !== 'BPE')
    throw usageError('TOKENIZER_UNSUPPORTED', `The tokenizer is of kind ${String(type)}; only BPE can be converted.`, {
      where: { file, field: 'model.type' },
    })
  const parsed = tokenizerJsonSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw usageError('TOKENIZER_INVALID', `This is not a tokenizer.json: ${issue?.message ?? 'unreadable'}.`, {
    where: { file, field: issue?.path.join('.') ?? '' },
    actions: ['Restore the file as it was downloaded.'],
  })
}

/** A merge as GGUF writes it: the two parts with a space between. */
export const mergeText = (merge: string | readonly [string, string]): string =>
  typeof merge === 'string' ? merge : merge.join(' ')

/** How SentencePiece vocabularies lie in tokenizer.json: bytes as fallback and ▁ for spaces. */
export const isSentencePiece = (json: TokenizerJson): boolean => json.model.byte_fallback === true
