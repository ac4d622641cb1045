import type { Tokenizer } from '@qt/core'
import type { LlamaModel } from './llama-module.js'

/** llama.cpp's own tokenizer of a model. */
export function llamaTokenizer(model: LlamaModel): Tokenizer {
  const { chat_template: chatTemplate, ggml } = model.fileInfo.metadata.tokenizer
  const { bos, eos, eot } = model.tokens
  const decode = (ids: Iterable<number>, special = false) => model.detokenize([...ids], special)
  return {
    vocabularySize: ggml.tokens.length,
    bosId: bos ?? undefined,
    eosId: eos ?? undefined,
    endIds: new Set([eos, eot].filter((id) => id !== null)),
    chatTemplate,
    encode: (text, { special = false } = {}) =>
      text === '' ? new Uint32Array() : Uint32Array.from(model.tokenize(text, special)),
    decode: (ids, { special = false } = {}) => decode(ids, special),
    stream({ special = false } = {}) {
      const ids: number[] = []
      let said = ''
      const next = (text: string) => {
        const piece = text.slice(said.length)
        said = text
        return piece
      }
      return {
        push(id) {
          ids.push(id)
          const text = decode(ids, special)
          // The beginning of a character whose other bytes are still to come.
          return text.endsWith('\ufffd') ? '' : next(text)
        },
        end: () => next(decode(ids, special)),
      }
    },
    token: (id) => ggml.tokens[id],
    id: (token) => {
      const at = ggml.tokens.indexOf(token)
      return at < 0 ? undefined : at
    },
  }
}
