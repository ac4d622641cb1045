import { setImmediate } from 'node:timers/promises'
import type { QtError } from '@qt/core'
import { type CheckRecordOptions, checkRecord } from './checks/check-record.js'
import { CopyCheck } from './checks/copies.js'
import { type DatasetFinding, datasetFinding } from './checks/dataset-finding.js'
import { viewRecord } from './checks/record-view.js'
import { findFiles } from './find-files.js'
import { type Layout, layoutOf } from './layouts.js'
import { readRecordBatches } from './read-records.js'
import type { Finding } from './scenario/finding.js'
import { realPaths } from './scenario/scenario-files.js'

export interface ValidateDatasetOptions extends CheckRecordOptions {
  /** What is held out to measure on: no example may be in both. Files of it that lie in `path` are passed over there. */
  readonly heldOut?: string | readonly string[] | undefined
  /** Told of every finding as it is made. */
  readonly onFinding?: ((finding: DatasetFinding) => void) | undefined
  readonly onProgress?: ((examples: number) => void) | undefined
  /** How many findings of each kind the report keeps; all are counted. Default 1,000. */
  readonly keep?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface DatasetReport {
  readonly files: readonly string[]
  readonly examples: number
  /** Examples by layout. */
  readonly layouts: Readonly<Partial<Record<Layout | 'unknown', number>>>
  readonly errors: number
  readonly warnings: number
  /** Examples without an error. */
  readonly sound: number
  /** Findings by code. */
  readonly codes: Readonly<Record<string, number>>
  /** How many findings code can fix. */
  readonly fixable: number
  readonly findings: readonly DatasetFinding[]
}

/**
 * Checks every example of files, folders, globs and addresses. Nothing is thrown for bad data: what cannot be read is a finding, too.
 *
 * @example
 * ```ts
 * const report = await validateDataset('data/**', { onFinding: (finding) => console.log(finding.toString()) })
 * report.errors // 0
 * ```
 */
export async function validateDataset(
  path: string | readonly string[],
  options: ValidateDatasetOptions = {},
): Promise<DatasetReport> {
  const { signal, onFinding, onProgress, keep = 1000 } = options
  const copies = new CopyCheck()
  const layouts: Partial<Record<Layout | 'unknown', number>> = {}
  const codes: Record<string, number> = {}
  const findings: DatasetFinding[] = []
  let [examples, errors, warnings, fixable, unsound] = [0, 0, 0, 0, 0]
  const add = (finding: DatasetFinding): void => {
    const { code, severity, fix } = finding
    codes[code] = (codes[code] ?? 0) + 1
    if (severity === 'error') errors++
    else warnings++
    if (fix.set !== undefined) fixable++
    if (codes[code]! <= keep) findings.push(finding)
    onFinding?.(finding)
  }
  const unreadable = (error: QtError): void => add(unreadableFinding(error))
  const around = (finding: Finding): void => add(datasetFinding({ ...finding, fix: finding.fix.label }, finding))

  const measured = options.heldOut === undefined ? [] : await findFiles(options.heldOut, { onFinding: around, signal })
  if (measured.length > 0)
    for await (const batch of batches(measured, { signal, onError: unreadable }))
      for (const { value, where } of batch) {
        const layout = layoutOf(value, where.file)
        if (layout !== undefined)
          copies.hold(
            viewRecord(value, layout, () => {}),
            where,
          )
      }
  const files = await findFiles(path, { onFinding: around, avoid: await realPaths(measured), signal })
  for await (const batch of batches(files, { signal, onError: unreadable })) {
    for (const { value, where } of batch) {
      const { layout = 'unknown', findings: own } = checkRecord(value, where, options, copies)
      examples++
      layouts[layout] = (layouts[layout] ?? 0) + 1
      for (const finding of own) add(finding)
      if (own.some(({ severity }) => severity === 'error')) unsound++
    }
    onProgress?.(examples)
  }
  return { files, examples, layouts, errors, warnings, sound: examples - unsound, codes, fixable, findings }
}

/** Records by the piece; gives way to other work now and then, and stops when asked to. */
async function* batches(
  files: readonly string[],
  { signal, onError }: { signal: AbortSignal | undefined; onError: (error: QtError) => void },
) {
  let pause = performance.now() + 50
  for (const file of files)
    for await (const batch of readRecordBatches(file, { onError })) {
      signal?.throwIfAborted()
      yield batch
      if (performance.now() < pause) continue
      await setImmediate()
      pause = performance.now() + 50
    }
}

const codeOf: Readonly<Record<string, string>> = {
  DATA_SYNTAX: 'syntax',
  DATA_RECORD_INVALID: 'not-a-record',
  DATA_ENCODING: 'encoding',
}

/** A record or file that could not be read, as a finding. */
export const unreadableFinding = ({ code, message, actions, where = {} }: QtError): DatasetFinding =>
  datasetFinding(
    { code: codeOf[code] ?? 'unreadable', message, fix: { label: actions.map(({ label }) => label).join(' '), drop: true } },
    where,
  )
