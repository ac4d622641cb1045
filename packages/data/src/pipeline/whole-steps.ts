import { join } from 'node:path'
import { uniform } from '@qt/core'
import { balanceDataset } from '../balance-dataset.js'
import { atPath, putAtPath } from '../checks/at-path.js'
import { dedupDataset } from '../dedup-dataset.js'
import { SubstringRemover } from '../quality/substring-remover.js'
import { readRecordBatches } from '../read-records.js'
import { openRecordWriter } from '../record-writer.js'
import { splitDataset } from '../split-dataset.js'
import type { Step } from './recipe.js'

interface Counts {
  readonly records: number
  readonly kept: number
  readonly dropped: Readonly<Record<string, number>>
}

/** A step that has to see every record, in their order; it is done whole or not at all. */
export async function wholeStep(step: Step, source: readonly string[], folder: string, signal?: AbortSignal): Promise<Counts> {
  const out = join(folder, 'data.jsonl')
  if (step.name === 'dedup') {
    const { records, kept, removed } = await dedupDataset(source, { ...step.settings, out, signal })
    return { records, kept, dropped: removed > 0 ? { 'dedup: nearly the same': removed } : {} }
  }
  if (step.name === 'balance') {
    const { categories, records: kept } = await balanceDataset(source, { ...step.settings, out, signal })
    const records = Object.values(categories).reduce((sum, { before }) => sum + before, 0)
    const fewer = Object.entries(categories).filter(([, { before, after }]) => after < before)
    return {
      records,
      kept,
      dropped: Object.fromEntries(fewer.map(([name, { before, after }]) => [`balance: ${name}`, before - after])),
    }
  }
  if (step.name === 'split') {
    const { validation, test, ...settings } = step.settings
    const shares = {
      ...(validation === undefined && test === undefined ? { validation: 0.2 } : {}),
      ...(validation === undefined ? {} : { validation }),
      ...(test === undefined ? {} : { test }),
    }
    const { parts } = await splitDataset(source, { ...settings, shares, out: folder, signal })
    const records = Object.values(parts).reduce((sum, count) => sum + count, 0)
    return { records, kept: records, dropped: {} }
  }
  if (step.name === 'sample') {
    const { share, seed = 1 } = step.settings
    let number = 0
    return rewritten(source, out, signal, (value) => (uniform(seed, 'sample', 0, number++) < share ? value : 'sample: not drawn'))
  }
  if (step.name === 'substrings') {
    const { words, field = 'text' } = step.settings
    const remover = new SubstringRemover(words === undefined ? {} : { words })
    return rewritten(source, out, signal, (value) => {
      const text = atPath(value, field.split('.'))
      if (typeof text !== 'string') return value
      const cleaned = remover.remove(text)
      if (cleaned.removed === 0) return value
      if (cleaned.text.trim() === '') return 'substrings: all of it stood earlier'
      const copy = structuredClone(value)
      putAtPath(copy, field.split('.'), cleaned.text)
      return copy
    })
  }
  throw new TypeError(`the step ${step.name} looks at one record at a time`)
}

type Plain = Readonly<Record<string, unknown>>

/** Each record as another, or why it is left out. */
async function rewritten(
  source: readonly string[],
  out: string,
  signal: AbortSignal | undefined,
  rewrite: (value: Plain) => Plain | string,
): Promise<Counts> {
  const writer = openRecordWriter(out)
  const dropped: Record<string, number> = {}
  let [records, kept] = [0, 0]
  try {
    for (const file of source)
      for await (const batch of readRecordBatches(file)) {
        signal?.throwIfAborted()
        for (const { value } of batch) {
          records++
          const result = rewrite(value)
          if (typeof result === 'string') dropped[result] = (dropped[result] ?? 0) + 1
          else {
            kept++
            await writer.value(result)
          }
        }
      }
    await writer.end()
  } catch (error) {
    await writer.abandon()
    throw error
  }
  return { records, kept, dropped }
}
