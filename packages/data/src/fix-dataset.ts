import { QtError, usageError } from '@qt/core'
import { putAtPath } from './checks/at-path.js'
import { type CheckRecordOptions, checkRecord } from './checks/check-record.js'
import { CopyCheck } from './checks/copies.js'
import type { DatasetFinding } from './checks/dataset-finding.js'
import { fileKind } from './find-files.js'
import { readLines } from './read-lines.js'
import { type DataRecord, readRecords, recordOfLine } from './read-records.js'
import { notWritten, openRecordWriter, writtenKind } from './record-writer.js'
import { unreadableFinding } from './validate-dataset.js'

export interface FixDatasetOptions extends CheckRecordOptions {
  /** Where to write: .jsonl, .json, .csv or .tsv, also .gz. Default: the file itself, replaced as a whole. */
  readonly out?: string | undefined
  /** Leave out what is still wrong: examples with errors, copies, what is too long. Default: they stay as they are. */
  readonly drop?: boolean | undefined
  /** Only say what would be done. */
  readonly dryRun?: boolean | undefined
  readonly onFixed?: ((finding: DatasetFinding) => void) | undefined
  readonly onDropped?: ((finding: DatasetFinding) => void) | undefined
  readonly onLeft?: ((finding: DatasetFinding) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface FixedDataset {
  readonly examples: number
  readonly fixed: number
  readonly dropped: number
  readonly left: number
  /** The file that was written; undefined when nothing had to be. */
  readonly out: string | undefined
}

/** A fix can bring another mistake to light; a record that needs more rounds than this goes in circles. */
const rounds = 8

/**
 * Applies every fix that code can apply to a file of records. Lines of JSONL without mistakes stay as they are; nothing that cannot be read
 * is lost unless `drop` is set, and a file that cannot be read to its end, or is not UTF-8, is an error and stays as it is.
 *
 * @example
 * ```ts
 * await fixDataset('chats.jsonl', { drop: true }) // { examples: 1200, fixed: 14, dropped: 3, left: 2, out: 'chats.jsonl' }
 * ```
 */
export async function fixDataset(file: string, options: FixDatasetOptions = {}): Promise<FixedDataset> {
  const { drop = false, dryRun = false, onFixed, onDropped, onLeft, signal } = options
  const out = options.out ?? file
  const inPlace = options.out === undefined
  // A file of a kind that is not written may have nothing to correct.
  const write = dryRun || (inPlace && writtenKind(file) === undefined) ? undefined : openRecordWriter(out)
  const copies = new CopyCheck(true)
  let [examples, fixed, dropped, left, changed, wrapped] = [0, 0, 0, 0, !inPlace, false]
  const keep = (finding: DatasetFinding): void => {
    left++
    onLeft?.(finding)
  }
  try {
    for await (const { record, text, error } of records(file)) {
      signal?.throwIfAborted()
      if (error) {
        if (!drop) {
          keep(error)
          // As it lies it fits in its own file, and among other lines.
          if (text !== undefined && writtenKind(out) === 'lines') await write?.raw(text)
          else if (!dryRun) throw unwritable(file, error)
        } else {
          dropped++
          changed = true
          onDropped?.(error)
        }
        continue
      }
      if (record === undefined) continue
      examples++
      wrapped ||= /^\w/.test(record.where.field ?? '')
      const { value, applied, findings } = fixRecord(record, options, copies)
      const cause = drop ? findings.find(({ severity, fix }) => severity === 'error' || fix.drop) : undefined
      for (const finding of applied) onFixed?.(finding)
      fixed += applied.length
      if (applied.length > 0 || cause) changed = true
      if (cause) {
        dropped++
        onDropped?.(cause)
        continue
      }
      for (const finding of findings) keep(finding)
      if (applied.length === 0 && text !== undefined && writtenKind(out) === 'lines') await write?.raw(text)
      else await write?.value(value)
    }
    if (changed && inPlace && !dryRun) {
      if (write === undefined) throw notWritten(file)
      if (wrapped) throw aroundRecords(file)
    }
    await write?.end(changed)
  } catch (thrown) {
    await write?.abandon()
    throw thrown
  }
  return { examples, fixed, dropped, left, out: changed && !dryRun ? out : undefined }
}

/** A record with every fix that code can apply, and what is wrong with it still. */
export function fixRecord(record: DataRecord, options: CheckRecordOptions, copies?: CopyCheck) {
  let { value } = record
  const applied: DatasetFinding[] = []
  let findings = checkRecord(value, record.where, options).findings
  for (let round = 0; round < rounds; round++) {
    const fixes = apart(findings)
    if (fixes.length === 0) break
    value = structuredClone(value)
    for (const finding of fixes) for (const { path, value: to } of finding.fix.set ?? []) putAtPath(value, path, to)
    applied.push(...fixes)
    findings = checkRecord(value, record.where, options).findings
  }
  // Copies are looked for once, in what is kept.
  findings = checkRecord(value, record.where, options, copies).findings
  const twice = findings.find(({ code, fix }) => code === 'duplicate-id' && fix.set !== undefined)
  if (twice) {
    value = structuredClone(value)
    for (const { path, value: to } of twice.fix.set ?? []) putAtPath(value, path, to)
    return { value, applied: [...applied, twice], findings: findings.filter((finding) => finding !== twice) }
  }
  return { value, applied, findings }
}

/** Findings that code can fix, as far as they touch different values. */
function apart(findings: readonly DatasetFinding[]): DatasetFinding[] {
  const taken = new Set<string>()
  return findings.filter(({ fix }) => {
    const paths = fix.set?.map(({ path }) => JSON.stringify(path)) ?? []
    if (paths.length === 0 || paths.some((path) => taken.has(path))) return false
    for (const path of paths) taken.add(path)
    return true
  })
}

interface FoundRecord {
  readonly record?: DataRecord
  /** The line as it lies in the file. */
  readonly text?: string
  readonly error?: DatasetFinding
}

async function* records(file: string): AsyncGenerator<FoundRecord> {
  if (fileKind(file) === 'lines') {
    for await (const { text, line } of readLines(file)) if (text.trim() !== '') yield { text, ...tried(text, file, line) }
    return
  }
  const errors: DatasetFinding[] = []
  const onError = (error: QtError, ended: boolean): void => {
    // What comes after it would be lost.
    if (ended) throw error
    errors.push(unreadableFinding(error))
  }
  for await (const record of readRecords(file, { onError, lenient: false })) {
    for (const error of errors.splice(0)) yield { error }
    yield { record }
  }
  for (const error of errors) yield { error }
}

function tried(text: string, file: string, line: number): Pick<FoundRecord, 'record' | 'error'> {
  try {
    return { record: recordOfLine(text, { file, line }) }
  } catch (error) {
    if (!QtError.isInstance(error)) throw error
    return { error: unreadableFinding(error) }
  }
}

const unwritable = (file: string, { message, line }: DatasetFinding) =>
  usageError('DATA_SYNTAX', `A record cannot be read, and would be lost: ${message}`, {
    where: { file, ...(line === undefined ? {} : { line }) },
    actions: ['Correct it by hand.', 'Or leave such records out: --drop.'],
  })

const aroundRecords = (file: string) =>
  usageError('DATA_FILE_UNSUPPORTED', `${file} holds more than its records, which would be lost in place.`, {
    where: { file },
    actions: ['Write the records to another file: --out records.jsonl.'],
  })
