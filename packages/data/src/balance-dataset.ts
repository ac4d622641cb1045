import { permutation, usageError } from '@qt/core'
import { findFiles } from './find-files.js'
import { readRecordBatches } from './read-records.js'
import { openRecordWriter } from './record-writer.js'
import { stratumOf } from './split-dataset.js'

export interface BalanceOptions {
  readonly out: string
  /** The field that holds the category, dots for what lies deeper. Default `category`. */
  readonly by?: string | undefined
  /** How many records each category gets: as many as the smallest, the median or the largest has, or a number. Default `smallest`. */
  readonly to?: 'smallest' | 'median' | 'largest' | number | undefined
  /** Default 1. */
  readonly seed?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface BalancedDataset {
  /** Records by category, before and after. */
  readonly categories: Readonly<Record<string, { readonly before: number; readonly after: number }>>
  readonly records: number
  /** Records that are there more than once now. */
  readonly repeated: number
}

/**
 * Gives every category as many records: drawn by the seed where there are more, each repeated as often as the others where there are
 * fewer. In the order of the file; copies follow each other.
 *
 * @example
 * ```ts
 * await balanceDataset('rules.jsonl', { out: 'balanced.jsonl', by: 'category', to: 'median' })
 * ```
 */
export async function balanceDataset(path: string | readonly string[], options: BalanceOptions): Promise<BalancedDataset> {
  const { out, by = 'category', to = 'smallest', seed = 1, signal } = options
  if (typeof to === 'number' && !(Number.isInteger(to) && to >= 1))
    throw usageError('DATA_OPTION', `Every category gets a whole number of records from 1 on, not ${to}.`, {
      actions: ['Use smallest, median, largest or a number.'],
    })
  const files = await findFiles(path, { signal })
  const counts = new Map<string, number>()
  for await (const { stratum } of strata()) counts.set(stratum, (counts.get(stratum) ?? 0) + 1)
  const sizes = [...counts.values()].sort((a, b) => a - b)
  const target =
    typeof to === 'number' ? to : (sizes[to === 'smallest' ? 0 : to === 'largest' ? sizes.length - 1 : sizes.length >> 1] ?? 0)

  const copies = new Map<string, Uint32Array>()
  for (const [index, [stratum, count]] of [...counts].entries()) copies.set(stratum, copiesOf(count, target, seed, index))
  const seen = new Map<string, number>()
  const after = new Map<string, number>()
  let [records, repeated] = [0, 0]
  const writer = openRecordWriter(out)
  try {
    for await (const { stratum, value } of strata()) {
      const at = seen.get(stratum) ?? 0
      seen.set(stratum, at + 1)
      const times = copies.get(stratum)?.[at] ?? 0
      for (let time = 0; time < times; time++) await writer.value(value)
      records += times
      if (times > 1) repeated++
      after.set(stratum, (after.get(stratum) ?? 0) + times)
    }
    await writer.end()
  } catch (error) {
    await writer.abandon()
    throw error
  }
  const categories = [...counts].map(([name, before]) => [name, { before, after: after.get(name) ?? 0 }] as const)
  return { categories: Object.fromEntries(categories), records, repeated }

  async function* strata() {
    for (const file of files)
      for await (const batch of readRecordBatches(file)) {
        signal?.throwIfAborted()
        for (const { value } of batch) yield { value, stratum: stratumOf(value, by) }
      }
  }
}

/** How often each of `count` records comes when there shall be `target`. */
function copiesOf(count: number, target: number, seed: number, step: number): Uint32Array {
  const copies = new Uint32Array(count).fill(Math.floor(target / count))
  for (const index of permutation(count, seed, 'sample', step).subarray(0, target % count)) copies[index]!++
  return copies
}
