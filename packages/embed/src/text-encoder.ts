import { usageError } from '@qt/core'
import { Tokenizer } from '@qt/tokenizer'

export interface TextEncoder {
  readonly padId: number
  /** Ids of a text between the special ones that the model wants, cut to the length it may have. */
  encode(text: string): Uint32Array
}

/** Reads texts for a model of the kind of BERT: [CLS] text [SEP]. */
export async function openTextEncoder(file: string, maxLength: number): Promise<TextEncoder> {
  const tokenizer = await Tokenizer.load(file)
  const frame = tokenizer.encode('', { special: true })
  if (frame.length !== 2)
    throw usageError(
      'EMBED_MODEL',
      `The tokenizer puts ${frame.length} special tokens around a text where there should be two.`,
      {
        where: { file, field: 'post_processor' },
        actions: ['Use a tokenizer.json of a sentence model, such as all-MiniLM-L6-v2.'],
      },
    )
  return {
    padId: tokenizer.id('[PAD]') ?? tokenizer.id('<pad>') ?? 0,
    encode: (text) => {
      // "[SEP]" in a text is text.
      const own = tokenizer.encode(text).subarray(0, maxLength - 2)
      const ids = new Uint32Array(own.length + 2)
      ids.set(own, 1)
      ids[0] = frame[0]!
      ids[ids.length - 1] = frame[1]!
      return ids
    },
  }
}
