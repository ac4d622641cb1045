import { type CollectOptions, type Statistics, usageError } from '@qt/core'
import type { Importance } from './importance.js'

export interface CollectImportanceOptions extends CollectOptions {
  /** What the text is, for those who read the matrix later. */
  readonly datasets?: readonly string[] | undefined
}

/**
 * An importance matrix, from what a model is given while it reads some text: as llama-imatrix makes it.
 *
 * @example
 * ```ts
 * import { load } from '@qt/trainer-native'
 *
 * const model = await load('model-f16.gguf')
 * const importance = await collectImportance(model, textRows(model.tokenizer.encode(text, { special: true })))
 * await writeImportance('imatrix.gguf', importance)
 * ```
 */
export async function collectImportance(
  model: { readonly statistics: Statistics },
  rows: Iterable<ArrayLike<number>> | AsyncIterable<ArrayLike<number>>,
  { datasets = [], ...options }: CollectImportanceOptions = {},
): Promise<Importance> {
  let chunkSize = 0
  async function* measured() {
    for await (const row of rows) {
      chunkSize = Math.max(chunkSize, row.length)
      yield row
    }
  }
  const { inputs, rows: chunks, tokens } = await model.statistics.collect(measured(), options)
  if (tokens === 0)
    throw usageError('IMPORTANCE_NO_TEXT', 'There is no text to compute an importance matrix from.', {
      actions: ['Give a text like that which the model will see, a few hundred kilobytes if there is that much.'],
    })
  for (const [name, { sums }] of inputs)
    if (!sums.every(Number.isFinite))
      throw usageError('IMPORTANCE_NOT_FINITE', `The inputs of ${name} are infinite or not numbers on this text.`, {
        where: { field: name },
        actions: ['Check the model file (qt check): its weights may contain values that are not numbers.'],
      })
  return { entries: inputs, datasets: [...datasets], chunks, chunkSize }
}

/**
 * A text in rows of `size` tokens, each with the token that begins texts in its first place where the text begins with it, as
 * llama-imatrix cuts it: what is left at the end is left out, unless it is all there is.
 */
export function* textRows(
  ids: Uint32Array,
  { size = 512, bosId }: { readonly size?: number; readonly bosId?: number | undefined } = {},
): Generator<Uint32Array> {
  if (!Number.isSafeInteger(size) || size < 16)
    throw usageError('IMPORTANCE_ROWS', `Rows of ${size} tokens are not possible.`, {
      where: { field: 'size' },
      actions: ['Use a whole number, 16 or more; 512 is usual.'],
    })
  if (ids.length < size) {
    if (ids.length > 0) yield ids
    return
  }
  const begins = bosId !== undefined && ids[0] === bosId
  for (let from = 0; from + size <= ids.length; from += size) {
    const row = ids.slice(from, from + size)
    if (begins) row[0] = bosId
    yield row
  }
}
