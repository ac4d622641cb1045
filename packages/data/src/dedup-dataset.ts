import type { Embedder } from '@qt/core'
import { type Keep, keepRecords, type RecordJudge } from './keep-records.js'
import { type Match, type NearDuplicateOptions, NearDuplicates } from './near-duplicates/near-duplicates.js'
import { SemanticDuplicates, type SemanticMatch } from './quality/semantic-duplicates.js'
import { recordText } from './record-text.js'

export interface DedupOptions extends NearDuplicateOptions {
  /** Where what is kept is written; left out: nothing is. */
  readonly out?: string | undefined
  /** Of what differs in its words, also what means the same is left out: by the cosine of the vectors of texts, from 0.9 on. */
  readonly semantic?: { readonly embedder: Embedder; readonly similarity?: number | undefined } | undefined
  /** Told of each record that is nearly the same as an earlier one, or means the same, both by file and line or row. */
  readonly onDuplicate?: ((place: string, other: string, similarity: number, by: 'words' | 'meaning') => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DedupResult {
  readonly records: number
  readonly kept: number
  readonly removed: number
  /** Of these the ones that only mean the same; left out: meanings were not compared. */
  readonly sameMeaning?: number
  /** With what it was looked for: exact about its parameters. */
  readonly parameters: {
    readonly similarity: number
    readonly permutations: number
    readonly bands: number
    readonly rows: number
  }
}

/**
 * Leaves out records that are nearly the same as an earlier one.
 *
 * @example
 * ```ts
 * const { kept, removed } = await dedupDataset('data/**', { similarity: 0.8, out: 'unique.jsonl' })
 * ```
 */
export async function dedupDataset(path: string | readonly string[], options: DedupOptions = {}): Promise<DedupResult> {
  const { out, onDuplicate, semantic, signal } = options
  const finder = new NearDuplicates(options)
  const meanings =
    semantic &&
    new SemanticDuplicates(semantic.embedder, semantic.similarity === undefined ? {} : { similarity: semantic.similarity })
  const places: string[] = []
  /** The places of the texts whose meanings were compared, by the numbers that `meanings` has for them. */
  const compared: string[] = []
  let waiting: Waiting[] = []
  let sameMeaning = 0
  const settle = async (keep: Keep) => {
    const batch = waiting
    waiting = []
    const matches = meanings
      ? await meanings.add(
          batch.map(({ text }) => text),
          { signal },
        )
      : []
    for (const [index, { place, value }] of batch.entries()) {
      if (onDuplicate) compared.push(place)
      const match: SemanticMatch | undefined = matches[index]
      if (match === undefined) await keep(value)
      else {
        sameMeaning++
        onDuplicate?.(place, compared[match.of] ?? '', match.similarity, 'meaning')
      }
    }
  }
  const judge: RecordJudge['judge'] = (record, place, keep) => {
    if (onDuplicate) places.push(place)
    const text = recordText(record)
    const match: Match | undefined = finder.add(text)
    if (match) onDuplicate?.(place, places[match.of] ?? '', match.similarity, 'words')
    else if (meanings === undefined) return keep(record.value)
    else if (waiting.push({ place, text, value: record.value }) === embeddedAtOnce) return settle(keep)
    return undefined
  }
  const counts = await keepRecords(path, { judge, end: settle }, { out, signal })
  const { similarity, permutations, bands } = finder
  return { ...counts, ...(semantic ? { sameMeaning } : {}), parameters: { similarity, permutations, ...bands } }
}

/** Records whose meanings are compared next, in their order. */
interface Waiting {
  readonly place: string
  readonly text: string
  readonly value: Readonly<Record<string, unknown>>
}

const embeddedAtOnce = 256
