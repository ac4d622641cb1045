import { type AddedToken, parseAddedTokens } from './added-tokens.js'
import { assemble } from './assemble.js'
import { parseBatchSettings } from './batch-settings.js'
import { byteLevelDetokenizer, parseDecoder } from './detokenize.js'
import { endIdsOf } from './end-tokens.js'
import { invalid } from './errors.js'
import { type Fields, isObject, objectAt } from './fields.js'
import { parseModel } from './json-model.js'
import { parseNormalizer } from './normalize.js'
import { type Frame, frameOf, parsePostProcessor } from './post-process.js'
import { byteStep, parsePreTokenizer } from './pre-tokenize.js'
import type { TextTokenizer } from './text-tokenizer.js'
import { type Vocabulary, vocabularyFrom } from './vocabulary.js'

export interface FromJsonOptions {
  /** The object in the tokenizer_config.json beside it: bos_token, eos_token, chat_template. */
  readonly config?: unknown
  /** The object in the generation_config.json beside it: eos_token_id. */
  readonly generation?: unknown
  /** The text of chat_template.jinja beside it. */
  readonly chatTemplate?: string | undefined
  /**
   * A file whose model has a dropout gives other tokens each time a text is encoded, as in Hugging Face's tokenizers; a rate here stands
   * instead of the file's, 0 for none; models other than BPE have none. The same seed (0 when left out) and the same texts in the same order give the same tokens.
   */
  readonly dropout?: { readonly rate?: number; readonly seed?: number } | undefined
}

/** Vocabulary of the model plus the added tokens that are not in it. */
function withAdded(model: Vocabulary, added: readonly AddedToken[]): Vocabulary {
  const extra = added.filter((token) => model.ids.get(token.content) !== token.id)
  if (extra.length === 0) return model
  const entries: (readonly [string, number])[] = [...model.ids]
  for (const [i, { content, id }] of extra.entries()) {
    const other = model.ids.get(content)
    if (other !== undefined) {
      throw invalid(
        `added_tokens[${i}]`,
        `The added token ${JSON.stringify(content)} has the id ${id}, but the vocabulary gives it ${other}.`,
      )
    }
    entries.push([content, id])
  }
  return vocabularyFrom(entries, 'added_tokens')
}

const contentOf = (value: unknown): string | undefined =>
  typeof value === 'string' ? value : isObject(value) && typeof value.content === 'string' ? value.content : undefined

function templateOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return undefined
  const named = value.filter(isObject)
  const chosen = named.find((entry) => entry.name === 'default') ?? named[0]
  return typeof chosen?.template === 'string' ? chosen.template : undefined
}

const usualBos = ['<|begin_of_text|>', '<bos>', '<s>', '<｜begin▁of▁sentence｜>', '[CLS]', '<|endoftext|>']
const usualEos = ['<|eot_id|>', '<|im_end|>', '<|end_of_text|>', '<eos>', '</s>', '<｜end▁of▁sentence｜>', '<|endoftext|>']

const numbersIn = (value: unknown): number[] => (Array.isArray(value) ? value : [value]).filter((item) => Number.isInteger(item))

/**
 * A tokenizer from the object in a tokenizer.json, with what its neighbours say about special tokens.
 *
 * @example
 * ```ts
 * const tokenizer = tokenizerFromJson(JSON.parse(text), { config: JSON.parse(configText) })
 * tokenizer.decode(tokenizer.encode('Hello'))
 * ```
 */
export function tokenizerFromJson(json: unknown, options: FromJsonOptions = {}): TextTokenizer {
  try {
    return parse(json, options)
  } catch (thrown) {
    // The stack is as deep as the file is nested.
    if (thrown instanceof RangeError) throw invalid('tokenizer.json', 'The tokenizer is nested too deeply to be read.')
    throw thrown
  }
}

function parse(json: unknown, options: FromJsonOptions): TextTokenizer {
  const file = objectAt(json, 'tokenizer.json')
  const config: Fields = isObject(options.config) ? options.config : {}
  const generation: Fields = isObject(options.generation) ? options.generation : {}
  const added = parseAddedTokens(file.added_tokens)
  const pre = parsePreTokenizer(file.pre_tokenizer)
  const bytes = pre?.bytes ?? false
  const model = parseModel(file.model, bytes, options.dropout ?? {})
  const vocabulary = withAdded(model.vocabulary, added)
  const idOf = (token: string | undefined) => (token === undefined ? undefined : vocabulary.ids.get(token))
  const normalizer = parseNormalizer(file.normalizer)
  const detokenizer = parseDecoder(file.decoder)
  const framed = parsePostProcessor(file.post_processor, (id) => vocabulary.tokens[id] !== undefined)

  const specials = new Set(added.filter((token) => token.special).map((token) => token.content))
  const usual = (names: readonly string[]) => idOf(names.find((name) => specials.has(name)))
  const bosId = idOf(contentOf(config.bos_token)) ?? (config.bos_token === null ? undefined : usual(usualBos))
  const eosId = idOf(contentOf(config.eos_token)) ?? (config.eos_token === null ? undefined : usual(usualEos))

  return assemble({
    vocabulary,
    added,
    normalize: normalizer,
    steps: [
      ...(pre?.steps ?? []),
      ...(bytes && !model.takesBytes ? [byteStep] : []),
      ...(model.boundaries ? [{ scan: model.boundaries }] : []),
    ],
    model: model.model,
    frame: withConfig(framed, config, bosId, eosId),
    settings: parseBatchSettings(file),
    detokenizer: file.decoder === undefined && bytes ? byteLevelDetokenizer : detokenizer,
    bosId,
    eosId,
    endIds: endIdsOf(
      (token) => (specials.has(token) ? vocabulary.ids.get(token) : undefined),
      [eosId, ...numbersIn(generation.eos_token_id).filter((id) => vocabulary.tokens[id] !== undefined)],
    ),
    chatTemplate: options.chatTemplate ?? templateOf(config.chat_template),
  })
}

/** Llama's older files leave BOS and EOS to two flags of tokenizer_config.json. */
function withConfig(frame: Frame, config: Fields, bosId: number | undefined, eosId: number | undefined): Frame {
  if (frame.before.length > 0 || frame.after.length > 0) return frame
  const before = config.add_bos_token === true && bosId !== undefined ? [bosId] : []
  const after = config.add_eos_token === true && eosId !== undefined ? [eosId] : []
  return before.length + after.length === 0 ? frame : { ...frameOf(before, after), trim: frame.trim }
}
