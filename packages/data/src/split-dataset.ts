import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { usageError } from '@qt/core'
import { atPath } from './checks/at-path.js'
import { findFiles } from './find-files.js'
import { Groups } from './near-duplicates/group-texts.js'
import { NearDuplicates } from './near-duplicates/near-duplicates.js'
import { type DataRecord, readRecordBatches } from './read-records.js'
import { recordText } from './record-text.js'
import { openRecordWriter, type RecordWriter } from './record-writer.js'
import { checkShares, type SplitItem, type SplitOptions, splitGroups } from './split-groups.js'

export interface SplitDatasetOptions extends SplitOptions {
  /** A folder: `train.jsonl`, and a file by the name of each share. */
  readonly out: string
  /** The field whose values every part gets its share of, dots for what lies deeper: `metadata.category`. Default `category`. */
  readonly by?: string | undefined
  /** Records that are this alike stay together. Default 0.8; 1 only when their words are the same. */
  readonly similarity?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface SplitDataset {
  /** Records by part. */
  readonly parts: Readonly<Record<string, number>>
  /** How many sets of records had to stay together, and how many records are in them. */
  readonly together: { readonly groups: number; readonly records: number }
  /** Records by stratum and part. */
  readonly strata: Readonly<Record<string, Readonly<Record<string, number>>>>
  readonly files: readonly string[]
}

/**
 * Splits records into training and what is held out: each category in the same shares, and no record of one part nearly the same as one of
 * another.
 *
 * @example
 * ```ts
 * await splitDataset('data/**', { out: 'split', shares: { validation: 0.1, test: 0.1 }, by: 'category' })
 * ```
 */
export async function splitDataset(path: string | readonly string[], options: SplitDatasetOptions): Promise<SplitDataset> {
  const { out, by = 'category', similarity = 0.8, shares = { validation: 0.2 }, seed = 1, signal } = options
  checkShares(shares)
  const files = await findFiles(path, { signal })
  const finder = new NearDuplicates({ similarity })
  const groups = new Groups()
  const strata: string[] = []
  for await (const record of records(files, signal)) {
    const number = groups.add()
    for (const { of } of finder.link(recordText(record))) groups.join(of, number)
    strata.push(stratumOf(record.value, by))
  }
  const items = strata.map((stratum, index): SplitItem => ({ group: groups.of(index), stratum }))
  const parts = splitGroups(items, { shares, seed })

  await mkdir(out, { recursive: true })
  const names = ['train', ...Object.keys(shares)]
  const writers = new Map<string, RecordWriter>(names.map((name) => [name, openRecordWriter(join(out, `${name}.jsonl`))]))
  const counts: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]))
  const table: Record<string, Record<string, number>> = {}
  let index = 0
  try {
    for await (const { value, where } of records(files, signal)) {
      const [part, stratum] = [parts[index], strata[index]]
      if (part === undefined || stratum === undefined) throw changed(where)
      index++
      counts[part] = (counts[part] ?? 0) + 1
      const row = table[stratum] ?? {}
      row[part] = (row[part] ?? 0) + 1
      table[stratum] = row
      await writers.get(part)?.value(value)
    }
    for (const writer of writers.values()) await writer.end()
  } catch (error) {
    for (const writer of writers.values()) await writer.abandon()
    throw error
  }
  const sizes = new Map<number | string, number>()
  for (const { group } of items) sizes.set(group, (sizes.get(group) ?? 0) + 1)
  const several = [...sizes.values()].filter((size) => size > 1)
  return {
    parts: counts,
    together: { groups: several.length, records: several.reduce((sum, size) => sum + size, 0) },
    strata: table,
    files: names.map((name) => join(out, `${name}.jsonl`)),
  }
}

const changed = (where: DataRecord['where']) =>
  usageError('DATA_UNREADABLE', 'The data grew while it was split.', {
    where,
    actions: ['Split it again when nothing writes to it any more.'],
  })

async function* records(files: readonly string[], signal: AbortSignal | undefined): AsyncGenerator<DataRecord> {
  for (const file of files)
    for await (const batch of readRecordBatches(file)) {
      signal?.throwIfAborted()
      yield* batch
    }
}

/** The category of a record as a name: what lies in a field, dots for what lies deeper. */
export function stratumOf(record: Readonly<Record<string, unknown>>, by: string): string {
  const value = atPath(record, by.split('.'))
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '')
}
