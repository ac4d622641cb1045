import type { Tokenizer } from '@qt/core'
import type { Padding, Truncation } from './batch-settings.js'
import type { Encoding } from './encoding.js'

/** A text, or two that stand together in one template. */
export type EncodeInput = string | readonly [first: string, second: string]

export interface EncodeBatchOptions {
  /** Finds special tokens in the texts and adds those of the post-processor, as Hugging Face's `add_special_tokens`. */
  readonly special?: boolean
  /** Instead of what the tokenizer.json says; null: the whole text. */
  readonly truncation?: Truncation | null
  /** Instead of what the tokenizer.json says; null: none. */
  readonly padding?: Padding | null
}

/**
 * A tokenizer that also says where in the text its tokens stand.
 *
 * @example
 * ```ts
 * import { Tokenizer } from '@qt/tokenizer'
 *
 * const tokenizer = await Tokenizer.load('model.gguf')
 * const { ids, offsets } = tokenizer.encodeWithOffsets('I search the altar')
 * 'I search the altar'.slice(offsets[2], offsets[3]) // what ids[1] stands for
 * ```
 */
export interface TextTokenizer extends Tokenizer {
  /** A text, or two, with offsets, cut and filled up as the tokenizer.json says. */
  encodeWithOffsets(input: EncodeInput, options?: EncodeBatchOptions): Encoding
  /** The same for several, filled up to one length when there is padding. */
  encodeBatch(inputs: readonly EncodeInput[], options?: EncodeBatchOptions): Encoding[]
}
