import { ignoreLabel, type PackedRow, type RowSource, type Scoring, usageError } from '@qt/core'
import { finite } from './finite.js'
import type { Perplexity } from './perplexity.js'

export interface PerplexityOfChatsOptions {
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void
}

/**
 * Perplexity over the tokens that carry loss, in conversations what the assistant says: exp(−mean log p). Takes the rows that a
 * training would see; every document of a row is scored on its own, and of a text that was cut into several every piece. As in training, a token
 * counts by its weight; `tokens` are those that count at all.
 *
 * @example
 * ```ts
 * import { parseConfig } from '@qt/core'
 * import { prepareRows } from '@qt/data'
 *
 * const { train } = await prepareRows(parseConfig({ base: 'model.gguf', data: { path: 'held-out.jsonl', validation: 0 } }), tokenizer)
 * await perplexityOfChats(model.scoring, train) // { perplexity: 6.1, loss: 1.81, tokens: 2210 }
 * ```
 */
export async function perplexityOfChats(
  model: Scoring,
  rows: RowSource,
  { signal, onProgress }: PerplexityOfChatsOptions = {},
): Promise<Perplexity> {
  let [sum, all, tokens] = [0, 0, 0]
  for (let index = 0; index < rows.length; index++) {
    for (const { ids, labels, weights } of documentsOf(rows.row(index))) {
      const weightOf = (position: number) => (labels[position] === ignoreLabel ? 0 : (weights?.[position] ?? 1))
      if (!labels.some((_, position) => weightOf(position) > 0)) continue
      signal?.throwIfAborted()
      const logs = await model.score(ids)
      for (const [position, label] of labels.entries()) {
        // The score is that of the token that follows: a piece of a longer text has none of the one that begins the next piece.
        const weight = weightOf(position)
        if (weight === 0 || position + 1 === ids.length) continue
        // A label that is another token has none either.
        if (label !== ids[position + 1]) throw otherLabel(index, position)
        sum += weight * finite(logs[position + 1]!, `a token of row ${index}`)
        all += weight
        tokens++
      }
    }
    onProgress?.({ done: index + 1, total: rows.length })
  }
  if (tokens === 0)
    throw usageError('EVAL_NO_ITEMS', 'No token of these rows carries loss, so there is nothing to measure.', {
      actions: ['Check that the conversations have turns of the assistant.'],
    })
  const loss = -sum / all
  return { perplexity: Math.exp(loss), loss, tokens }
}

function* documentsOf({ ids, labels, documents, weights }: PackedRow) {
  for (let i = 1; i < documents.length; i++) {
    const [from, to] = [documents[i - 1]!, documents[i]!]
    yield { ids: ids.subarray(from, to), labels: labels.subarray(from, to), weights: weights?.subarray(from, to) }
  }
}

const otherLabel = (row: number, position: number) =>
  usageError('EVAL_LABELS_DIFFER', `Row ${row} asks for a token at position ${position} that is not the one that follows.`, {
    actions: ['Use labels that are the ids, or -100 where there is no loss.'],
  })
