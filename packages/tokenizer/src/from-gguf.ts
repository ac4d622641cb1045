import { type Metadata, metadataBoolean, metadataNumber, metadataNumbers, metadataString, metadataStrings } from '@qt/weights'
import type { AddedToken } from './added-tokens.js'
import { assemble, type Parts } from './assemble.js'
import { byteLevelDetokenizer, ggmlWordPieceSteps, markToSpace, stepDetokenizer } from './detokenize.js'
import { endIdsOf, endTokens } from './end-tokens.js'
import { invalid, unsupported } from './errors.js'
import { ggmlPreTokenizer } from './ggml-pre.js'
import { bpe } from './models/bpe.js'
import { cached } from './models/cached.js'
import { sentencePiece } from './models/sentencepiece.js'
import { wordPiece } from './models/word-piece.js'
import { ggmlBertNormalizer, ggmlMarks } from './normalize.js'
import { frameOf } from './post-process.js'
import { bertSteps } from './pre-tokenize.js'
import { rawKindOf, rawParts } from './raw-bpe.js'
import type { TextTokenizer } from './text-tokenizer.js'
import { type Vocabulary, vocabularyOf } from './vocabulary.js'
import { wordBoundaries } from './word-boundaries.js'

const key = (name: string) => `tokenizer.ggml.${name}`
/** Token types of GGUF. */
const types = { unknown: 2, control: 3, userDefined: 4 } as const

/** The vocabulary and its special tokens, as every kind has them. */
interface Common {
  readonly metadata: Metadata
  readonly vocabulary: Vocabulary
  readonly added: readonly AddedToken[]
  /** The id under a key, when it is in range. */
  id(name: string, otherwise?: number): number | undefined
  flag(name: string, otherwise: boolean): boolean
}

type KindParts = Pick<Parts, 'normalize' | 'steps' | 'model' | 'detokenizer'> & {
  readonly bosId: number | undefined
  readonly eosId: number | undefined
  readonly before: readonly (number | undefined)[]
  readonly after: readonly (number | undefined)[]
}

function readCommon(metadata: Metadata): Common {
  const list = metadataStrings(metadata, key('tokens'))
  if (list === undefined || list.length === 0)
    throw invalid(key('tokens'), `The file has no list of tokens under ${key('tokens')}.`)
  const vocabulary = vocabularyOf(
    list.map((token, id) => (token === '' ? `[EMPTY_${id}]` : token)),
    key('tokens'),
  )
  const tokenTypes = metadataNumbers(metadata, key('token_type'))
  if (tokenTypes !== undefined && tokenTypes.length < list.length) {
    throw invalid(key('token_type'), `There are ${list.length} tokens but only ${tokenTypes.length} token types.`)
  }
  return {
    metadata,
    vocabulary,
    added: addedTokens(vocabulary, tokenTypes ?? [], metadataString(metadata, 'general.name') ?? ''),
    id(name, otherwise) {
      const id = metadataNumber(metadata, key(name)) ?? otherwise
      return id !== undefined && Number.isInteger(id) && id >= 0 && id < list.length ? id : undefined
    },
    flag: (name, otherwise) => metadataBoolean(metadata, key(name)) ?? otherwise,
  }
}

function addedTokens({ tokens }: Vocabulary, tokenTypes: readonly number[], name: string): AddedToken[] {
  // GGUF does not store which tokens swallow white space; llama.cpp knows Phi-3 by its name, and so do we.
  const phi3 = /phi-?3/i.test(name)
  const keepsSpace = new Set(['<unk>', '<s>', '<|endoftext|>'])
  const added: AddedToken[] = []
  for (const [id, content] of tokens.entries()) {
    const type = tokenTypes[id]
    if (content === undefined || (type !== types.unknown && type !== types.control && type !== types.userDefined)) continue
    added.push({
      id,
      content,
      special: type !== types.userDefined || endTokens.includes(content),
      lstrip: false,
      rstrip: phi3 && !keepsSpace.has(content),
      singleWord: false,
      normalized: false,
    })
  }
  return added
}

function mergedParts({ metadata, vocabulary, id, flag }: Common): KindParts {
  const lines = metadataStrings(metadata, key('merges'))
  if (lines === undefined) throw invalid(key('merges'), `The file has no list of merges under ${key('merges')}.`)
  const name = metadataString(metadata, key('pre')) ?? 'default'
  const pre = rawKindOf(metadataString(metadata, key('model')), name) ?? ggmlPreTokenizer(name)
  const merges = lines.map((line, i) => {
    const gap = line.indexOf(' ', 1)
    if (gap < 0)
      throw invalid(`${key('merges')}[${i}]`, `Merge ${i}, ${JSON.stringify(line)}, is not two tokens with a space between.`)
    return [line.slice(0, gap), line.slice(gap + 1)] as const
  })
  const bosId = id('bos_token_id')
  const eosId = id('eos_token_id')
  const common = { vocabulary, merges, field: key('merges') }
  const parts =
    'scan' in pre
      ? {
          normalize: undefined,
          steps: [{ scan: pre.scan }],
          model: cached(bpe({ ...common, byteLevel: true, ignoreMerges: pre.ignoreMerges })),
          detokenizer: byteLevelDetokenizer,
        }
      : rawParts(pre, bpe({ ...common, byteLevel: false, byteFallback: true }), {
          ids: vocabulary.ids,
          lowercase: flag('normalizer.lowercase', false),
        })
  return {
    ...parts,
    bosId,
    eosId,
    before: flag('add_bos_token', pre.addBos) ? [bosId] : [],
    after: [
      flag('add_eos_token', false) ? eosId : undefined,
      flag('add_sep_token', false) ? id('seperator_token_id') : undefined,
    ],
  }
}

function sentencePieceParts({ metadata, vocabulary, id, flag }: Common): KindParts {
  const size = vocabulary.tokens.length
  const scores = metadataNumbers(metadata, key('scores')) ?? new Float32Array(size)
  if (scores.length < size) throw invalid(key('scores'), `There are ${size} tokens but only ${scores.length} scores.`)
  const prefix = flag('add_space_prefix', true)
  const bosId = id('bos_token_id', 1)
  const eosId = id('eos_token_id', 2)
  return {
    normalize: ggmlMarks(prefix),
    steps: [{ scan: wordBoundaries(vocabulary.ids.keys()) }],
    model: cached(sentencePiece({ vocabulary, scores, unknown: id('unknown_token_id', 0) })),
    detokenizer: stepDetokenizer({
      steps: [markToSpace],
      byteFallback: true,
      ...(prefix ? { strip: ' ' } : {}),
    }),
    bosId,
    eosId,
    before: flag('add_bos_token', true) ? [bosId] : [],
    after: flag('add_eos_token', false) ? [eosId] : [],
  }
}

function wordPieceParts({ vocabulary, id, flag }: Common): KindParts {
  const lowercase = flag('normalizer.lowercase', true)
  const cls = id('cls_token_id') ?? id('bos_token_id', 101)
  const sep = id('seperator_token_id', 102)
  return {
    normalize: ggmlBertNormalizer(lowercase, flag('normalizer.strip_accents', lowercase)),
    steps: bertSteps,
    model: cached(
      wordPiece({
        vocabulary,
        unknown: id('unknown_token_id', 100),
        initialPrefix: '▁',
        continuingPrefix: '',
        maxCharacters: Number.POSITIVE_INFINITY,
      }),
    ),
    detokenizer: stepDetokenizer({ steps: ggmlWordPieceSteps }),
    bosId: cls,
    eosId: id('eos_token_id'),
    before: [cls],
    after: [sep],
  }
}

const kinds: Readonly<Record<string, (common: Common) => KindParts>> = {
  gpt2: mergedParts,
  gemma4: mergedParts,
  whitespace: mergedParts,
  llama: sentencePieceParts,
  bert: wordPieceParts,
}

const present = (ids: readonly (number | undefined)[]) => ids.filter((id) => id !== undefined)

/**
 * A tokenizer from the metadata of a GGUF file.
 *
 * @example
 * ```ts
 * const gguf = await readGguf('model.gguf')
 * const tokenizer = tokenizerFromGguf(gguf.metadata)
 * tokenizer.encode('Hello')
 * ```
 */
export function tokenizerFromGguf(metadata: Metadata): TextTokenizer {
  const model = metadataString(metadata, key('model'))
  if (model === undefined) throw invalid(key('model'), `The file holds no tokenizer: there is no ${key('model')}.`)
  const kind = Object.hasOwn(kinds, model) ? kinds[model] : undefined
  if (kind === undefined) throw unsupported(key('model'), `the vocabulary kind "${model}"`)
  const common = readCommon(metadata)
  const { before, after, ...parts } = kind(common)
  const { vocabulary, added, id } = common
  return assemble({
    ...parts,
    vocabulary,
    added,
    frame: frameOf(present(before), present(after)),
    settings: { truncation: undefined, padding: undefined },
    endIds: endIdsOf((token) => vocabulary.ids.get(token), [parts.eosId, id('eot_token_id'), id('eom_token_id')]),
    chatTemplate: metadataString(metadata, 'tokenizer.chat_template'),
  })
}
