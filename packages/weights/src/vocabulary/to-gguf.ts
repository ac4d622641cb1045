import { usageError } from '@qt/core'
import type { MetadataValue } from '../gguf/metadata.js'
import { folderOf } from '../io/paths.js'
import { readJsonObject } from '../model/read-json.js'
import { preTokenizerName } from './pre-tokenizers.js'
import { readSpecialTokens, type SpecialTokens } from './special-tokens.js'
import { isSentencePiece, mergeText, parseTokenizerJson, type TokenizerJson } from './tokenizer-json.js'

/** llama.cpp's kinds of tokens. */
export const tokenKinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** The `tokenizer.*` metadata of a folder's tokenizer, for a model of so many tokens. */
export async function vocabularyMetadata(file: string, size: number): Promise<Map<string, MetadataValue>> {
  const json = parseTokenizerJson(await readJsonObject(file), file)
  const tokens = tokenTable(json, size, file)
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const special = await readSpecialTokens(folderOf(file), (token) => ids.get(token))
  const kinds = tokenKindsOf(json, tokens)
  const metadata = isSentencePiece(json) ? sentencePiece(json, tokens, kinds) : byteLevel(json, tokens, kinds, file)
  for (const [key, value] of specialMetadata(special, addsBos(json, special, tokens))) metadata.set(key, value)
  return metadata
}

const strings = (value: readonly string[]): MetadataValue => ({ type: 'ARRAY', of: 'STRING', value })
const integers = (value: readonly number[]): MetadataValue => ({ type: 'ARRAY', of: 'INT32', value })

function byteLevel(
  json: TokenizerJson,
  tokens: readonly string[],
  kinds: readonly number[],
  file: string,
): Map<string, MetadataValue> {
  const pre = preTokenizerName(json.pre_tokenizer)
  if (pre === undefined)
    throw usageError('TOKENIZER_UNSUPPORTED', 'The tokenizer cuts text into words by a rule that GGUF has no known name for.', {
      where: { file, field: 'pre_tokenizer' },
      actions: ['Convert this model with llama.cpp, which may know it.'],
    })
  return new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', { type: 'STRING', value: 'gpt2' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: pre }],
    ['tokenizer.ggml.tokens', strings(tokens)],
    ['tokenizer.ggml.token_type', integers(kinds)],
    ['tokenizer.ggml.merges', strings(json.model.merges.map(mergeText))],
  ])
}

/** SentencePiece picks the pair of the best score first: the order of merges, as scores, gives the same choices. */
function sentencePiece(json: TokenizerJson, tokens: readonly string[], kinds: readonly number[]): Map<string, MetadataValue> {
  const rank = new Map<string, number>()
  json.model.merges.forEach((merge, index) => {
    const whole = mergeText(merge).replace(' ', '')
    if (!rank.has(whole)) rank.set(whole, index)
  })
  const last = json.model.merges.length
  const scores = tokens.map((token, id) => (kinds[id] === tokenKinds.normal ? -(rank.get(token) ?? last) : 0))
  return new Map<string, MetadataValue>([
    ['tokenizer.ggml.model', { type: 'STRING', value: 'llama' }],
    ['tokenizer.ggml.pre', { type: 'STRING', value: 'default' }],
    ['tokenizer.ggml.tokens', strings(tokens)],
    ['tokenizer.ggml.scores', { type: 'ARRAY', of: 'FLOAT32', value: scores }],
    ['tokenizer.ggml.token_type', integers(kinds)],
    [
      'tokenizer.ggml.add_space_prefix',
      { type: 'BOOL', value: JSON.stringify(json.normalizer ?? json.pre_tokenizer).includes('Prepend') || addsSpace(json) },
    ],
  ])
}

/** Metaspace pre-tokenizers put a space in front unless told otherwise. */
function addsSpace(json: TokenizerJson): boolean {
  const pre = json.pre_tokenizer
  if (typeof pre !== 'object' || pre === null || !('type' in pre) || pre.type !== 'Metaspace') return false
  return (
    !('prepend_scheme' in pre && pre.prepend_scheme === 'never') && !('add_prefix_space' in pre && pre.add_prefix_space === false)
  )
}

/** Every id's token; ids that the tokenizer leaves free get the placeholder that llama.cpp's converter uses. */
function tokenTable(json: TokenizerJson, size: number, file: string): string[] {
  const tokens = Array.from({ length: size }, (_, id) => `[PAD${id}]`)
  const entries = [
    ...Object.entries(json.model.vocab),
    ...json.added_tokens.map((token): [string, number] => [token.content, token.id]),
  ]
  for (const [token, id] of entries) {
    if (id >= size)
      throw usageError(
        'TOKENIZER_MISMATCH',
        `The tokenizer has the token ${JSON.stringify(token)} with id ${id}, the model only ${size} tokens.`,
        {
          where: { file },
          actions: ['Use the tokenizer that belongs to the model.'],
        },
      )
    tokens[id] = token
  }
  return tokens
}

function tokenKindsOf(json: TokenizerJson, tokens: readonly string[]): number[] {
  const known = new Set(Object.values(json.model.vocab))
  const added = new Map(json.added_tokens.map((token) => [token.id, token.special]))
  const pieces = isSentencePiece(json)
  return tokens.map((token, id) => {
    if (pieces && token === json.model.unk_token) return tokenKinds.unknown
    const special = added.get(id)
    if (special !== undefined) return special ? tokenKinds.control : tokenKinds.userDefined
    if (!known.has(id)) return tokenKinds.unused
    return pieces && /^<0x[0-9A-F]{2}>$/.test(token) ? tokenKinds.byte : tokenKinds.normal
  })
}

/** Whether a bare text starts with the BOS token: tokenizer_config.json says so, or the template of the post-processor. */
function addsBos(json: TokenizerJson, special: SpecialTokens, tokens: readonly string[]): boolean | undefined {
  if (special.addBos !== undefined || special.bos === undefined) return special.addBos
  const bos = tokens[special.bos]
  return JSON.stringify(json.post_processor ?? null).includes(`"SpecialToken":{"id":${JSON.stringify(bos)}`)
}

function* specialMetadata(special: SpecialTokens, addBos: boolean | undefined): Generator<[string, MetadataValue]> {
  const ids: [string, number | undefined][] = [
    ['bos', special.bos],
    ['eos', special.eos],
    ['unknown', special.unknown],
    ['padding', special.padding],
  ]
  for (const [name, value] of ids) if (value !== undefined) yield [`tokenizer.ggml.${name}_token_id`, { type: 'UINT32', value }]
  if (addBos !== undefined) yield ['tokenizer.ggml.add_bos_token', { type: 'BOOL', value: addBos }]
  if (special.addEos !== undefined) yield ['tokenizer.ggml.add_eos_token', { type: 'BOOL', value: special.addEos }]
  if (special.chatTemplate !== undefined) yield ['tokenizer.chat_template', { type: 'STRING', value: special.chatTemplate }]
}
