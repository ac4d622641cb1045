import { usageError } from '@qt/core'
import {
  type Metadata,
  metadataBoolean,
  metadataNumber,
  metadataNumbers,
  metadataString,
  metadataStrings,
} from '../gguf/metadata.js'
import { mergesFromScores } from './merges-from-scores.js'
import { isLlama3, preTokenizerJson } from './pre-tokenizers.js'
import { tokenKinds } from './to-gguf.js'

export interface TokenizerFiles {
  readonly tokenizer: Readonly<Record<string, unknown>>
  readonly tokenizerConfig: Readonly<Record<string, unknown>>
}

/** tokenizer.json and tokenizer_config.json that do what a GGUF file's vocabulary says. */
export function tokenizerFiles(metadata: Metadata, file: string): TokenizerFiles {
  const tokens = metadataStrings(metadata, 'tokenizer.ggml.tokens') ?? []
  const kinds = metadataNumbers(metadata, 'tokenizer.ggml.token_type') ?? []
  const model = metadataString(metadata, 'tokenizer.ggml.model')
  if (model !== 'gpt2' && model !== 'llama')
    throw usageError('TOKENIZER_UNSUPPORTED', `A vocabulary of kind ${model} cannot be written as tokenizer.json yet.`, {
      where: { file, field: 'tokenizer.ggml.model' },
    })
  const tokenOf = (name: string) => {
    const id = metadataNumber(metadata, `tokenizer.ggml.${name}_token_id`)
    return id === undefined ? undefined : tokens[id]
  }
  const bos = tokenOf('bos')
  const eos = tokenOf('eos')
  // llama.cpp's defaults where the file says nothing: SentencePiece vocabularies and Llama 3's start with BOS.
  const startsWithBos = model === 'llama' || isLlama3(metadataString(metadata, 'tokenizer.ggml.pre') ?? '')
  const addBos = metadataBoolean(metadata, 'tokenizer.ggml.add_bos_token') ?? startsWithBos
  const addEos = metadataBoolean(metadata, 'tokenizer.ggml.add_eos_token') ?? false
  const core = model === 'gpt2' ? byteLevel(metadata, tokens, file) : sentencePiece(metadata, tokens)
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(tokens, kinds),
    ...core,
    post_processor: postProcessor(tokens, addBos ? bos : undefined, addEos ? eos : undefined),
  }
  const named = { bos_token: bos, eos_token: eos, unk_token: tokenOf('unknown'), pad_token: tokenOf('padding') }
  const tokenizerConfig = {
    ...Object.fromEntries(Object.entries(named).filter(([, token]) => token !== undefined)),
    add_bos_token: addBos,
    add_eos_token: addEos,
    clean_up_tokenization_spaces: false,
    tokenizer_class: 'PreTrainedTokenizerFast',
    chat_template: metadataString(metadata, 'tokenizer.chat_template'),
  }
  return { tokenizer, tokenizerConfig }
}

function byteLevel(metadata: Metadata, tokens: readonly string[], file: string) {
  const pre = metadataString(metadata, 'tokenizer.ggml.pre') ?? 'default'
  const preTokenizer = preTokenizerJson(pre)
  if (preTokenizer === undefined)
    throw usageError(
      'TOKENIZER_UNSUPPORTED',
      `The word rule ${pre} of this vocabulary cannot be written as tokenizer.json yet.`,
      {
        where: { file, field: 'tokenizer.ggml.pre' },
      },
    )
  return {
    normalizer: null,
    pre_tokenizer: preTokenizer,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      ...bpe,
      ignore_merges: isLlama3(pre),
      vocab: vocabulary(tokens),
      merges: metadataStrings(metadata, 'tokenizer.ggml.merges') ?? [],
    },
  }
}

const bpe = {
  type: 'BPE',
  dropout: null,
  unk_token: null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
}

function sentencePiece(metadata: Metadata, tokens: readonly string[]) {
  const prefix = metadataBoolean(metadata, 'tokenizer.ggml.add_space_prefix') ?? true
  const unknown = metadataNumber(metadata, 'tokenizer.ggml.unknown_token_id') ?? 0
  const scores = metadataNumbers(metadata, 'tokenizer.ggml.scores') ?? []
  return {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...(prefix ? [{ type: 'Prepend', prepend: '▁' }] : []),
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    },
    model: {
      ...bpe,
      unk_token: tokens[unknown] ?? null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: vocabulary(tokens),
      merges: mergesFromScores(tokens, scores),
    },
  }
}

const vocabulary = (tokens: readonly string[]) => Object.fromEntries(tokens.map((token, id) => [token, id]))

function addedTokens(tokens: readonly string[], kinds: readonly number[]) {
  const added: readonly number[] = [tokenKinds.control, tokenKinds.userDefined, tokenKinds.unknown]
  return tokens.flatMap((content, id) =>
    added.includes(kinds[id] ?? 0)
      ? [
          {
            id,
            content,
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: kinds[id] !== tokenKinds.userDefined,
          },
        ]
      : [],
  )
}

/** Puts BOS in front and EOS behind, where the model wants them. */
function postProcessor(tokens: readonly string[], bos: string | undefined, eos: string | undefined) {
  const special = (token: string | undefined, type: number) =>
    token === undefined ? [] : [{ SpecialToken: { id: token, type_id: type } }]
  const sequence = (id: 'A' | 'B', type: number) => [
    ...special(bos, type),
    { Sequence: { id, type_id: type } },
    ...special(eos, type),
  ]
  const used = [...new Set([bos, eos])].filter((token) => token !== undefined)
  return {
    type: 'TemplateProcessing',
    single: sequence('A', 0),
    pair: [...sequence('A', 0), ...sequence('B', 1)],
    special_tokens: Object.fromEntries(
      used.map((token) => [token, { id: token, ids: [tokens.indexOf(token)], tokens: [token] }]),
    ),
  }
}
