import { findFiles } from './find-files.js'
import { type DataRecord, readRecordBatches } from './read-records.js'
import { openRecordWriter } from './record-writer.js'

export interface KeepOptions {
  /** Where what is kept is written; left out: nothing is. */
  readonly out?: string | undefined
  readonly signal?: AbortSignal | undefined
}

export interface KeptRecords {
  readonly records: number
  readonly kept: number
  readonly removed: number
}

/** Writes the records that are to be kept; `keep` is told where each stands. What is begun and not ended is not left behind. */
export async function keepRecords(
  path: string | readonly string[],
  keep: (record: DataRecord, place: string) => boolean,
  { out, signal }: KeepOptions,
): Promise<KeptRecords> {
  const writer = out === undefined ? undefined : openRecordWriter(out)
  let [records, kept] = [0, 0]
  try {
    for (const file of await findFiles(path, { signal }))
      for await (const batch of readRecordBatches(file)) {
        signal?.throwIfAborted()
        for (const record of batch) {
          const { line, row } = record.where
          const at = line ?? row
          records++
          if (!keep(record, at === undefined ? file : `${file}:${at}`)) continue
          kept++
          await writer?.value(record.value)
        }
      }
    await writer?.end()
  } catch (error) {
    await writer?.abandon()
    throw error
  }
  return { records, kept, removed: records - kept }
}
