import { type KeepOptions, type KeptRecords, keepRecords, type RecordJudge } from '../keep-records.js'
import { recordText } from '../record-text.js'
import { addBenchmark } from './benchmarks.js'
import { type Contamination, Decontaminator } from './decontaminator.js'

export interface DecontaminateOptions extends KeepOptions {
  /** Files of benchmarks by name. */
  readonly benchmarks: Readonly<Record<string, string>>
  /** Words of an n-gram. Default 13. */
  readonly n?: number | undefined
  readonly onContaminated?: ((place: string, found: readonly Contamination[]) => void) | undefined
}

export interface DecontaminatedDataset extends KeptRecords {
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
  { benchmarks, n, onContaminated, ...options }: DecontaminateOptions,
): Promise<DecontaminatedDataset> {
  const decontaminator = new Decontaminator(n)
  const counts: Record<string, { items: number; contaminated: number }> = {}
  for (const [name, file] of Object.entries(benchmarks))
    counts[name] = { items: await addBenchmark(decontaminator, name, file), contaminated: 0 }
  const judge: RecordJudge['judge'] = (record, place, keep) => {
    const found = decontaminator.find(recordText(record))
    for (const { benchmark } of found) counts[benchmark]!.contaminated++
    if (found.length === 0) return keep(record.value)
    onContaminated?.(place, found)
    return undefined
  }
  const kept = await keepRecords(path, { judge }, options)
  return { ...kept, benchmarks: counts }
}
