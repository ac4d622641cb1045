import { uniform } from '@qt/core'
import { byteCharacters, byteToken } from './bytes.js'
import { invalid, unsupported } from './errors.js'
import { type Fields, flagAt, isObject, listAt, numberAt, objectAt, textAt } from './fields.js'
import { bpe } from './models/bpe.js'
import { cached } from './models/cached.js'
import type { Model } from './models/model.js'
import { unigram } from './models/unigram.js'
import { wordLevel } from './models/word-level.js'
import { wordPiece } from './models/word-piece.js'
import type { Scan } from './scan.js'
import { type Vocabulary, vocabularyFrom } from './vocabulary.js'
import { wordBoundaries } from './word-boundaries.js'

/** The `model` of a tokenizer.json. */
export interface JsonModel {
  readonly vocabulary: Vocabulary
  readonly model: Model
  /** It reads words as bytes; others have to be given letters that stand for them. */
  readonly takesBytes: boolean
  /** Where words may be cut although the pre-tokenizer does not. */
  readonly boundaries?: Scan
}

/** Files made of a merges.txt may have its first line. */
const isMerge = (value: unknown) => typeof value !== 'string' || !value.startsWith('#version')

/** `["a", "b"]`, or `"a b"` in older files. */
function mergeAt(value: unknown, i: number): readonly [string, string] {
  const parts: unknown = typeof value === 'string' ? value.split(' ') : value
  if (Array.isArray(parts) && parts.length === 2) {
    const [left, right]: unknown[] = parts
    if (typeof left === 'string' && typeof right === 'string' && left !== '' && right !== '') return [left, right]
  }
  throw invalid(`model.merges[${i}]`, `Merge ${i} of the tokenizer is not a pair of tokens.`)
}

function unknownId(fields: Fields, vocabulary: Vocabulary, required: boolean): number | undefined {
  const name = fields.unk_token
  if (name === undefined || name === null) return undefined
  const id = vocabulary.ids.get(textAt(name, 'model.unk_token'))
  if (id === undefined && required)
    throw invalid('model.unk_token', `The unknown token ${JSON.stringify(name)} is not in the vocabulary.`)
  return id
}

const vocabularyAt = (fields: Fields) => vocabularyFrom(Object.entries(objectAt(fields.vocab, 'model.vocab')), 'model.vocab')
const textOr = (value: unknown, field: string, otherwise: string) =>
  value === undefined || value === null ? otherwise : textAt(value, field)

/** How often a merge is left out. */
export interface Dropout {
  /** Instead of what the file says. */
  readonly rate?: number | undefined
  readonly seed?: number | undefined
}

/** Says of one merge after another whether it is left out; undefined where none is. */
function dropsOf(value: unknown, { rate, seed = 0 }: Dropout): (() => boolean) | undefined {
  const dropout = rate ?? numberAt(value ?? 0, 'model.dropout')
  if (!(dropout >= 0 && dropout <= 1)) throw invalid('model.dropout', `The dropout is ${dropout}; it has to be from 0 to 1.`)
  let count = 0
  return dropout === 0 ? undefined : () => uniform(seed, 'dropout', 0, count++) < dropout
}

function parseBpe(fields: Fields, bytes: boolean, dropout: Dropout): JsonModel {
  const drops = dropsOf(fields.dropout, dropout)
  const vocabulary = vocabularyAt(fields)
  const merges = listAt(fields.merges, 'model.merges').filter(isMerge).map(mergeAt)
  const continuingPrefix = textOr(fields.continuing_subword_prefix, 'model.continuing_subword_prefix', '')
  const wordSuffix = textOr(fields.end_of_word_suffix, 'model.end_of_word_suffix', '')
  const byteFallback = flagAt(fields.byte_fallback, 'model.byte_fallback', false)
  const fuseUnknown = flagAt(fields.fuse_unk, 'model.fuse_unk', false)
  const unknown = unknownId(fields, vocabulary, false)
  const ignoreMerges = flagAt(fields.ignore_merges, 'model.ignore_merges', false)
  const plain = continuingPrefix === '' && wordSuffix === ''
  const takesBytes =
    bytes && plain && ((!byteFallback && !fuseUnknown) || byteCharacters.every((char) => vocabulary.ids.has(char)))
  const words = bpe({
    vocabulary,
    merges,
    field: 'model.merges',
    byteLevel: takesBytes,
    ignoreMerges,
    byteFallback,
    unknown,
    fuseUnknown,
    continuingPrefix,
    wordSuffix,
    drops,
  })
  const model = drops ? words : cached(words)
  // Where unknown characters fuse, a cut between two of them would show; where they are left out, one between their neighbours.
  const fuses = (fuseUnknown || unknown === undefined) && !(byteFallback && allBytes(vocabulary))
  if (takesBytes || ignoreMerges || fuses || !plain || drops) return { vocabulary, model, takesBytes }
  return { vocabulary, model, takesBytes, boundaries: wordBoundaries(merged(merges)) }
}

const allBytes = ({ ids }: Vocabulary) => Array.from({ length: 256 }, (_, byte) => ids.has(byteToken(byte))).every(Boolean)

function* merged(merges: readonly (readonly [string, string])[]): Generator<string> {
  for (const [left, right] of merges) yield left + right
}

function parseUnigram(fields: Fields): JsonModel {
  const scores: number[] = []
  const names = listAt(fields.vocab, 'model.vocab').map((entry, id) => {
    const [token, score] = listAt(entry, `model.vocab[${id}]`)
    scores.push(numberAt(score, `model.vocab[${id}][1]`))
    return [textAt(token, `model.vocab[${id}][0]`), id] as const
  })
  const vocabulary = vocabularyFrom(names, 'model.vocab')
  const unknown = fields.unk_id === undefined || fields.unk_id === null ? undefined : numberAt(fields.unk_id, 'model.unk_id')
  if (unknown !== undefined && vocabulary.tokens[unknown] === undefined) {
    throw invalid('model.unk_id', `The unknown token has the id ${unknown}, which the vocabulary lacks.`)
  }
  const byteFallback = flagAt(fields.byte_fallback, 'model.byte_fallback', false)
  return { vocabulary, takesBytes: false, model: cached(unigram({ vocabulary, scores, unknown, byteFallback })) }
}

function parseWordPiece(fields: Fields): JsonModel {
  const vocabulary = vocabularyAt(fields)
  return {
    vocabulary,
    takesBytes: false,
    model: cached(
      wordPiece({
        vocabulary,
        unknown: unknownId({ unk_token: '[UNK]', ...fields }, vocabulary, true),
        initialPrefix: '',
        continuingPrefix: textOr(fields.continuing_subword_prefix, 'model.continuing_subword_prefix', '##'),
        maxCharacters: numberAt(fields.max_input_chars_per_word ?? 100, 'model.max_input_chars_per_word'),
      }),
    ),
  }
}

/** Older files do not name the type. */
const typeOf = (fields: Fields): unknown =>
  fields.type ??
  (Array.isArray(fields.merges)
    ? 'BPE'
    : Array.isArray(fields.vocab)
      ? 'Unigram'
      : isObject(fields.vocab)
        ? 'WordPiece'
        : undefined)

export function parseModel(value: unknown, bytes: boolean, dropout: Dropout): JsonModel {
  const fields = objectAt(value, 'model')
  const type = textAt(typeOf(fields), 'model.type')
  switch (type) {
    case 'BPE':
      return parseBpe(fields, bytes, dropout)
    case 'Unigram':
      return parseUnigram(fields)
    case 'WordPiece':
      return parseWordPiece(fields)
    case 'WordLevel': {
      const vocabulary = vocabularyAt(fields)
      return {
        vocabulary,
        takesBytes: false,
        model: wordLevel(vocabulary, unknownId({ unk_token: '<unk>', ...fields }, vocabulary, false)),
      }
    }
    default:
      throw unsupported('model.type', `the model "${type}"`)
  }
}
