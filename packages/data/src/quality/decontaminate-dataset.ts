import { findFiles } from '../find-files.js'
import { readRecordBatches } from '../read-records.js'
import { recordText } from '../record-text.js'
import { openRecordWriter } from '../record-writer.js'
import { addBenchmark } from './benchmarks.js'
import { type Contamination, Decontaminator } from './decontaminator.js'

export interface DecontaminateOptions {
  /** Files of benchmarks by name. */
  readonly benchmarks: Readonly<Record<string, string>>
  /** Words of an n-gram. Default 13. */
  readonly n?: number | undefined
  /** Where what is kept is written; left out: nothing is. */
  readonly out?: string | undefined
  readonly onContaminated?: ((place: string, found: readonly Contamination[]) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DecontaminatedDataset {
  readonly records: number
  readonly kept: number
  readonly removed: number
  /** Items of each benchmark, and records that share an n-gram with one. */
  readonly benchmarks: Readonly<Record<string, { readonly items: number; readonly contaminated: number }>>
}

/**
 * Leaves out records that share an n-gram of words with benchmarks.
 *
 * @example
 * ```ts
 * await decontaminateDataset('code.jsonl', { benchmarks: { humaneval: 'HumanEval.jsonl.gz' }, out: 'clean.jsonl' })
 * ```
 */
export async function decontaminateDataset(
  path: string | readonly string[],
  { benchmarks, n, out, onContaminated, signal }: DecontaminateOptions,
): Promise<DecontaminatedDataset> {
  const decontaminator = new Decontaminator(n)
  const counts: Record<string, { items: number; contaminated: number }> = {}
  for (const [name, file] of Object.entries(benchmarks))
    counts[name] = { items: await addBenchmark(decontaminator, name, file), contaminated: 0 }
  const writer = out === undefined ? undefined : openRecordWriter(out)
  let [records, kept] = [0, 0]
  try {
    for (const file of await findFiles(path, { signal }))
      for await (const batch of readRecordBatches(file)) {
        signal?.throwIfAborted()
        for (const record of batch) {
          records++
          const found = decontaminator.find(recordText(record))
          if (found.length > 0) {
            const { line, row } = record.where
            for (const { benchmark } of found) counts[benchmark]!.contaminated++
            onContaminated?.([file, line ?? row].filter((one) => one !== undefined).join(':'), found)
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
  return { records, kept, removed: records - kept, benchmarks: counts }
}
