import { tokenizerFromGguf } from './from-gguf.js'
import { tokenizerFromJson } from './from-json.js'
import { loadTokenizer } from './load.js'
import type { TextTokenizer } from './text-tokenizer.js'

export type Tokenizer = TextTokenizer

/**
 * Text ↔ token ids, from a GGUF file or a tokenizer.json.
 *
 * @example
 * ```ts
 * const tokenizer = await Tokenizer.load('model.gguf') // or tokenizer.json, or a folder
 * const ids = tokenizer.encode('I search the altar') // Uint32Array
 * tokenizer.decode(ids) // 'I search the altar'
 * ```
 */
export const Tokenizer = {
  load: loadTokenizer,
  fromJson: tokenizerFromJson,
  fromGguf: tokenizerFromGguf,
} as const
