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

/** Keeps a record, now or later: records are written in the order in which this is called. */
export type Keep = (value: DataRecord['value']) => Promise<void>

/** Told of each record in turn and where it stands; `end` is called after the last one. */
export interface RecordJudge {
  readonly judge: (record: DataRecord, place: string, keep: Keep) => Promise<void> | undefined
  readonly end?: ((keep: Keep) => Promise<void>) | undefined
}

/** Writes the records that are to be kept. What is begun and not ended is not left behind. */
export async function keepRecords(
  path: string | readonly string[],
  { judge, end }: RecordJudge,
  { out, signal }: KeepOptions,
): Promise<KeptRecords> {
  const writer = out === undefined ? undefined : openRecordWriter(out)
  let [records, kept] = [0, 0]
  const keep: Keep = async (value) => {
    kept++
    await writer?.value(value)
  }
  try {
    for (const file of await findFiles(path, { signal }))
      for await (const batch of readRecordBatches(file)) {
        signal?.throwIfAborted()
        for (const record of batch) {
          const { line, row } = record.where
          const at = line ?? row
          records++
          const waiting = judge(record, at === undefined ? file : `${file}:${at}`, keep)
          if (waiting) await waiting
        }
      }
    await end?.(keep)
    await writer?.end()
  } catch (error) {
    await writer?.abandon()
    throw error
  }
  return { records, kept, removed: records - kept }
}
