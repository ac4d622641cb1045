import { ignoreLabel, usageError } from '@qt/core'
import type { DataRecord } from './read-records.js'
import { recordError } from './record-error.js'

export interface ReadTokensOptions {
  readonly sequenceLength: number
  /** Ids must lie below it; left out: not checked here. */
  readonly vocabularySize?: number | undefined
}

/** A pre-tokenised row, taken as it is. `labels` are not shifted, as in Transformers: they lie beside the ids they repeat. */
export function readTokens({ value, where }: DataRecord, options: ReadTokensOptions): { ids: Int32Array; labels: Int32Array } {
  const vocabulary = options.vocabularySize ?? 2 ** 31
  const numbers = (field: 'input_ids' | 'labels', allowIgnored: boolean): Int32Array => {
    const list = value[field]
    if (!Array.isArray(list) || list.length === 0)
      throw recordError(where, field, `"${field}" must be a list of token ids.`, `Write "${field}": [1, 2, 3].`)
    const out = new Int32Array(list.length)
    for (let i = 0; i < list.length; i++) {
      const id: unknown = list[i]
      if (
        typeof id === 'number' &&
        Number.isInteger(id) &&
        ((id >= 0 && id < vocabulary) || (allowIgnored && id === ignoreLabel))
      )
        out[i] = id
      else throw outOfRange(`${field}[${i}]`, id)
    }
    return out
  }
  const outOfRange = (field: string, id: unknown) =>
    usageError(
      'DATA_TOKEN_OUT_OF_RANGE',
      `${JSON.stringify(id)} is no token id${options.vocabularySize === undefined ? '' : ` of this vocabulary (0 to ${vocabulary - 1})`}.`,
      {
        where: { ...where, field },
        actions: [
          "Tokenise the data with this model's own tokenizer.",
          `Mark what is not trained on with ${ignoreLabel}, in "labels" only.`,
        ],
      },
    )

  const ids = numbers('input_ids', false)
  const labels = value.labels === undefined || value.labels === null ? ids : numbers('labels', true)
  if (labels.length !== ids.length)
    throw recordError(
      where,
      'labels',
      `There are ${labels.length} labels for ${ids.length} ids.`,
      'Give every id a label; they are not shifted here.',
    )
  if (ids.length > options.sequenceLength)
    throw usageError(
      'DATA_ROW_TOO_LONG',
      `This row has ${ids.length} tokens, more than training.sequenceLength (${options.sequenceLength}).`,
      {
        where: { ...where, field: 'input_ids' },
        actions: [`Set training.sequenceLength to ${ids.length} or more.`, 'Cut the row into shorter ones.'],
      },
    )
  return { ids, labels }
}
