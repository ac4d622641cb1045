import { qwen2Pattern } from '../known-patterns.js'

/** A byte-level BPE tokenizer.json, as Hugging Face's tokenizers read and write it. */
export interface TokenizerJson {
  readonly version: '1.0'
  readonly truncation: null
  readonly padding: null
  readonly added_tokens: readonly {
    readonly id: number
    readonly content: string
    readonly single_word: boolean
    readonly lstrip: boolean
    readonly rstrip: boolean
    readonly normalized: boolean
    readonly special: boolean
  }[]
  readonly normalizer: null
  readonly pre_tokenizer: (typeof preTokenizers)[WordCut]
  readonly post_processor: ByteLevel
  readonly decoder: ByteLevel
  readonly model: {
    readonly type: 'BPE'
    readonly dropout: null
    readonly unk_token: null
    readonly continuing_subword_prefix: null
    readonly end_of_word_suffix: null
    readonly fuse_unk: boolean
    readonly byte_fallback: boolean
    readonly ignore_merges: boolean
    readonly vocab: Readonly<Record<string, number>>
    readonly merges: readonly (readonly [string, string])[]
  }
}

interface ByteLevel {
  readonly type: 'ByteLevel'
  readonly add_prefix_space: boolean
  readonly trim_offsets: boolean
  readonly use_regex: boolean
}

const byteLevel: ByteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
const bytesOnly: ByteLevel = { ...byteLevel, use_regex: false }

/** Ways to cut texts into words. */
export const preTokenizers = {
  gpt2: byteLevel,
  digits: { type: 'Sequence', pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel] },
  code: {
    type: 'Sequence',
    pretokenizers: [{ type: 'Split', pattern: { Regex: qwen2Pattern }, behavior: 'Isolated', invert: false }, bytesOnly],
  },
} as const
export type WordCut = keyof typeof preTokenizers

/** The entry of a special token in a tokenizer.json. */
export const specialToken = (content: string, id: number) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
})

/** The file for a vocabulary in order of id, of which the first `special` tokens are special. */
export function byteLevelJson(
  tokens: readonly string[],
  special: number,
  merges: readonly (readonly [string, string])[],
  words: WordCut = 'gpt2',
): TokenizerJson {
  // Without a prototype, so that a token called __proto__ is one like any other.
  const vocab: Record<string, number> = Object.create(null)
  for (const [id, token] of tokens.entries()) vocab[token] = id
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens.slice(0, special).map(specialToken),
    normalizer: null,
    pre_tokenizer: preTokenizers[words],
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  }
}
