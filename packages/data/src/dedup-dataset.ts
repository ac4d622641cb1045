import { findFiles } from './find-files.js'
import { type Match, type NearDuplicateOptions, NearDuplicates } from './near-duplicates/near-duplicates.js'
import { readRecordBatches } from './read-records.js'
import { recordText } from './record-text.js'
import { openRecordWriter } from './record-writer.js'

export interface DedupOptions extends NearDuplicateOptions {
  /** Where what is kept is written; left out: nothing is. */
  readonly out?: string | undefined
  /** Told of each record that is nearly the same as an earlier one, both by file and line or row. */
  readonly onDuplicate?: ((place: string, other: string, similarity: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DedupResult {
  readonly records: number
  readonly kept: number
  readonly removed: number
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
  const { out, onDuplicate, signal } = options
  const finder = new NearDuplicates(options)
  const writer = out === undefined ? undefined : openRecordWriter(out)
  const places: string[] = []
  let [records, kept] = [0, 0]
  const told = (place: string, { of, similarity }: Match) => onDuplicate?.(place, places[of] ?? '', similarity)
  try {
    for (const file of await findFiles(path, { signal }))
      for await (const batch of readRecordBatches(file)) {
        signal?.throwIfAborted()
        for (const record of batch) {
          const { line, row } = record.where
          const place = line === undefined && row === undefined ? file : `${file}:${line ?? row}`
          if (onDuplicate) places[records] = place
          records++
          const match = finder.add(recordText(record))
          if (match) {
            told(place, match)
            continue
          }
          kept++
          await writer?.value(record.value)
        }
      }
    await writer?.end()
  } catch (error) {
    await writer?.abandon()
    throw error
  }
  const { similarity, permutations, bands } = finder
  return { records, kept, removed: records - kept, parameters: { similarity, permutations, ...bands } }
}
